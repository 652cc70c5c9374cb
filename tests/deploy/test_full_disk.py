"""PostgreSQL has no room left: what people do fails visibly, and whole; later it works again."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.deploy.conftest import PASSWORD, PROCFILE, Production
from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.processes import until
from tests.services import Postgres
from tests.visitor import TOKEN

pytestmark = [pytest.mark.full, pytest.mark.postgres, pytest.mark.proxy]

NEWSLETTER = "from newsletters.models import Newsletter as N; N.objects.create(name='N', slug='n')"


@pytest.fixture
def disk():
    """A file system of 200 MB."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-disk-"))
    mounted = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)]
    if subprocess.run(mounted, check=False).returncode:
        pytest.skip("a file system can't be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def subscribe(visitor, site: Production, email: str) -> int:
    page = visitor.session.get(f"{site.url}/newsletters/n/", timeout=60)
    token = TOKEN.search(page.text)
    if not token:
        return page.status_code
    data = {"email": email, "name": "", "csrfmiddlewaretoken": token[1]}
    headers = {"Referer": page.url}
    answer = visitor.session.post(
        page.url, data, headers=headers, timeout=60, allow_redirects=False
    )
    return answer.status_code


def test_a_full_disk_is_seen_and_nothing_is_half_done(disk: Path):
    folder = Path(tempfile.mkdtemp(prefix="mailroom-full-"))
    with Postgres(disk) as postgres, SMTPServer(Script(password=PASSWORD)) as mail:
        site = Production(folder, postgres.url, mail)
        site.run("python manage.py collectstatic --no-input -v0")
        site.run(PROCFILE["release"])
        site.shell(NEWSLETTER)
        with site.running():
            visitor = site.visitor("127.0.0.41")
            assert subscribe(visitor, site, "before@people.test") == 302
            fill(disk)
            answers = [subscribe(visitor, site, f"a{n}@people.test") for n in range(15)]
            (disk / "ballast").unlink()
            until(lambda: site.get("/readyz").status_code == 200, "the site to be ready again")
            after = subscribe(site.visitor("127.0.0.42"), site, "after@people.test")

            # Who got an error after the row was committed is served, too: the clock finds the row.
            until(lambda: got(site) == stored(site), "a mail for each row, and no other")
            kept = stored(site)

    assert 500 in answers
    assert set(answers) <= {302, 500}
    assert after == 302
    accepted = {f"a{n}@people.test" for n, one in enumerate(answers) if one == 302}
    assert kept >= {"before@people.test", "after@people.test", *accepted}
    shutil.rmtree(folder)


def fill(disk: Path) -> None:
    """Leave no byte free."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        size = 1 << 20
        while size:
            try:
                ballast.write(b"\0" * size)
            except OSError:
                size //= 2


def stored(site: Production) -> set[str]:
    return {email for (email,) in site.sql("SELECT email FROM newsletters_subscription")}


def got(site: Production) -> set[str]:
    return {
        one.recipients[0] for one in site.mail.received if "boss@site.test" not in one.recipients
    }
