"""The site as a platform runs it: PostgreSQL, the lines of the Procfile, TLS in front."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from bench.services import Postgres
from tests.browser.conftest import browser_type_launch_args  # noqa: F401  (a fixture)
from tests.deploy.proxy import Proxy
from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import ROOT, free_port, until

PROCFILE = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line.strip()
)


class Production:
    """One deployment. `environment` is all that its processes know."""

    def __init__(self, folder: Path, database_url: str, mail: SMTPServer) -> None:
        self.folder, self.mail = folder, mail
        self.port = free_port()
        self.proxy = Proxy(folder, free_port(), self.port)
        self.url = self.proxy.url
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ENV_FILE": "",
            "VAR_DIR": str(folder / "var"),
            "PORT": str(self.port),
            "SECRET_KEY": "a-key-for-one-test-" + "x" * 40,
            "PUBLIC_URL": self.url,
            "DATABASE_URL": database_url,
            "MAILER_URL": mail.url,
            "MAIL_FROM": "Mailroom <mail@site.test>",
            "TRUSTED_PROXY_COUNT": "1",
        }
        (folder / "var").mkdir(exist_ok=True)

    def run(self, line: str) -> str:
        """Run a shell line to its end, as the platform does for `release`; what it printed."""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def shell(self, code: str) -> str:
        return self.run(f"python manage.py shell -v0 -c {shlex.quote(code)}").strip()

    @contextmanager
    def running(self) -> Iterator["Production"]:
        with self.proxy, (self.folder / "log.txt").open("ab") as log:
            self.processes = [
                subprocess.Popen(
                    shlex.split(PROCFILE[name]),
                    cwd=ROOT,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                )
                for name in ("web", "worker")
            ]
            try:
                until(self._is_ready, f"the site to be ready: {self.folder}/log.txt")
                yield self
            finally:
                for process in self.processes:
                    process.terminate()
                for process in self.processes:
                    process.wait(30)

    def get(self, path: str, **options: object) -> requests.Response:
        certificate = str(self.proxy.certificate)
        return requests.get(self.url + path, verify=certificate, timeout=30, **options)  # type: ignore[arg-type]

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def _is_ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except requests.ConnectionError:
            return False


@pytest.fixture(scope="module")
def production() -> Iterator[Production]:
    """Built with no variable, released, and running behind its proxy."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-production-"))  # one that postgres may enter
    nothing = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    build = {**nothing, "ENV_FILE": "", "VAR_DIR": str(folder / "var")}
    (folder / "var").mkdir()
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"]
    subprocess.run(collect, cwd=ROOT, env=build, check=True)
    with Postgres(folder) as postgres, SMTPServer() as mail:
        site = Production(folder, postgres.url, mail)
        site.run(PROCFILE["release"])
        with site.running():
            yield site
    shutil.rmtree(folder)
