"""`bin/contact-sheet`: starts the demo's site in a folder of its own, and looks at all of it."""

import json
import shutil
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.contact_sheet import sheet
from tests.contact_sheet.readme import for_the_readme
from tests.contact_sheet.shooting import Photographer, chromium
from tests.processes import ROOT, Site

FOLDER = ROOT / "var" / "contact-sheet"
PREPARE = "from tests.contact_sheet.samples import prepare; prepare()"


def main() -> None:
    parser = ArgumentParser(
        prog="bin/contact-sheet",
        description="Every page and every mail at three widths, light and dark, as pictures.",
    )
    parser.add_argument("--only", default="", help="part of a group/name, such as admin/ or home")
    parser.add_argument("--readme", action="store_true", help="only write docs/screenshots/")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary, chromium() as browser:
        if options.readme:
            for_the_readme(browser, Path(temporary))
            return
        site = _site(Path(temporary))
        known = json.loads(site.shell(PREPARE).splitlines()[-1])
        with site.running():
            shutil.rmtree(FOLDER, ignore_errors=True)
            photographer = Photographer(browser, site.url, known, FOLDER)
            taken = list(photographer.everything(options.only))
        if not taken:
            parser.error(f"no page's name holds {options.only!r}: see tests/contact_sheet/pages.py")
        sheet.photograph(browser, FOLDER, sheet.write(FOLDER, taken))
    print(f"{len(taken)} pages and mails: {(FOLDER / 'index.html').relative_to(ROOT)}")  # noqa: T201
    if photographer.faults:
        raise SystemExit("\n".join(photographer.faults))


def _site(folder: Path) -> Site:
    """As bin/demo starts it: two ways for every mail, and a switch to cut one."""
    site = Site(
        folder,
        DEBUG="1",
        VAR_DIR=str(folder / "var"),
        MAILER_URL="failover(inbox: inbox:?from=Mailroom%20spare%20%3Cspare@example.com%3E)",
    )
    site.set_up()
    site.manage("seed_demo")
    return site


main()
