"""The contact sheet: one HTML page with every picture, and a picture of each of its sections."""

from html import escape
from itertools import batched, product
from pathlib import Path

from playwright.sync_api import Browser

from tests.contact_sheet.shooting import SCHEMES, WIDTHS, picture

THUMBNAIL = {375: 220, 768: 300, 1440: 440}  # px
ACROSS = 1400  # px
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Contact sheet</title><style>
body { font: 14px/1.3 system-ui, sans-serif; margin: 0; background: #888; color: #000; }
nav { padding: 10px; } nav a { color: #000; margin-right: 12px; }
section { padding: 10px; width: 1400px; box-sizing: border-box; background: #888; }
h2 { font-size: 16px; margin: 0 0 8px; }
.grid { display: flex; flex-wrap: wrap; gap: 10px; align-items: flex-start; }
figure { margin: 0; } figcaption { overflow: hidden; text-overflow: ellipsis; }
figure a { display: block; max-height: 700px; overflow: hidden; }
img { display: block; width: 100%; }
</style>
"""


def write(folder: Path, taken: list[tuple[str, str]]) -> list[str]:
    """Write index.html into the folder; the ids of its sections."""
    sections, names = [], []
    groups = dict.fromkeys(group for group, _name in taken)
    for group, width, scheme in product(groups, WIDTHS, SCHEMES):
        shown = [name for one, name in taken if one == group]
        rows = batched(shown, 2 * (ACROSS // (THUMBNAIL[width] + 10)), strict=False)
        for number, part in enumerate(rows, start=1):
            names.append(f"{group}-{width}-{scheme}-{number}")
            figures = "".join(_figure(group, name, width, scheme) for name in part)
            heading = f"<h2>{group}, {width} px, {scheme}</h2>"
            sections.append(
                f'<section id="{names[-1]}">{heading}<div class="grid">{figures}</div></section>'
            )
    links = "".join(f'<a href="#{name}">{name}</a>' for name in names if name.endswith("-1"))
    page = f"{HEAD}<nav>{links}</nav>{''.join(sections)}</html>"
    (folder / "index.html").write_text(page, "utf-8")
    return names


def photograph(browser: Browser, folder: Path, names: list[str]) -> None:
    """Each section of index.html as a picture of its own, in `sheets/`."""
    page = browser.new_page(viewport={"width": ACROSS, "height": 900})
    page.set_default_timeout(120_000)
    page.goto((folder / "index.html").as_uri())
    for name in names:
        page.locator(f'[id="{name}"]').screenshot(path=folder / "sheets" / f"{name}.png")
    page.close()


def _figure(group: str, name: str, width: int, scheme: str) -> str:
    source = escape(picture(group, name, width, scheme))
    return (
        f'<figure style="width: {THUMBNAIL[width]}px"><figcaption>{escape(name)}</figcaption>'
        f'<a href="{source}"><img src="{source}" alt=""></a></figure>'
    )
