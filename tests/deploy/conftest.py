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
from typing import Any

import psycopg
import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.browser.conftest import browser_type_launch_args  # noqa: F401  (a fixture)
from tests.deploy.proxy import Proxy
from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.processes import ROOT, free_port, until
from tests.services import Postgres
from tests.visitor import Visitor

PROCFILE = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line.strip()
)

PASSWORD = "canary-smtp-password"


class From(HTTPAdapter):
    """Connections that come from one address."""

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self.source, 0), **options)


class Production:
    """One deployment. `environment` is all that its processes know."""

    def __init__(self, folder: Path, database_url: str, mail: SMTPServer) -> None:
        self.folder, self.mail = folder, mail
        self.code = ROOT  # of the release that is deployed
        self.port = free_port()
        self.proxy = Proxy(folder, free_port(), self.port)
        self.url = self.proxy.url
        self.secrets = {
            "SECRET_KEY": "canary-key-" + "x" * 40,
            "WEBHOOK_SECRET": "canary-hook:canary-hook-password",
            "MAILER_URL": mail.url.replace("://", f"://editor:{PASSWORD}@"),
        }
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ENV_FILE": "",
            "VAR_DIR": str(folder / "var"),
            "PORT": str(self.port),
            **self.secrets,
            "PUBLIC_URL": self.url,
            "DATABASE_URL": database_url,
            "MAIL_FROM": "Mailroom <mail@site.test>",
            "MAIL_FROM_NEWSLETTERS": "News <news@news.site.test>",
            "ADMINS": "boss@site.test",
            "TRUSTED_PROXY_COUNT": "1",
        }
        (folder / "var").mkdir(exist_ok=True)

    def run(self, line: str) -> str:
        """Run a shell line to its end, as the platform does for `release`; what it printed."""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.code,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def shell(self, code: str) -> str:
        return self.run(f"python manage.py shell -v0 -c {shlex.quote(code)}").strip()

    def start(self, **variables: str) -> None:
        """The Procfile's lines as processes, each in a session of its own: one group to signal."""
        with (self.folder / "log.txt").open("ab") as log:
            self.processes = {
                name: subprocess.Popen(
                    shlex.split(PROCFILE[name]),
                    cwd=self.code,
                    env={**self.environment, **variables},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                for name in ("web", "worker")
            }
        until(self._is_ready, f"the site to be ready: {self.folder}/log.txt")

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(30)

    @contextmanager
    def running(self) -> Iterator["Production"]:
        with self.proxy:
            try:
                self.start()
                yield self
            finally:
                self.stop()

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def visitor(self, source: str = "127.0.0.1") -> Visitor:
        """Somebody who comes through the proxy from an address of the loopback."""
        visitor = Visitor(self.url)
        visitor.session.verify = str(self.proxy.certificate)
        visitor.session.trust_env = False  # or REQUESTS_CA_BUNDLE wins over `verify`
        visitor.session.mount("https://", From(source))
        return visitor

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


@pytest.fixture(scope="session")
def production() -> Iterator[Production]:
    """Built with no variable, released, and running behind its proxy."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-production-"))  # one that postgres may enter
    nothing = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    build = {**nothing, "ENV_FILE": "", "VAR_DIR": str(folder / "var")}
    (folder / "var").mkdir()
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"]
    subprocess.run(collect, cwd=ROOT, env=build, check=True)
    with Postgres(folder) as postgres, SMTPServer(Script(password=PASSWORD)) as mail:
        site = Production(folder, postgres.url, mail)
        site.run(PROCFILE["release"])
        with site.running():
            yield site
    shutil.rmtree(folder)
