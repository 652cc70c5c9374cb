"""Someone else's project that uses the library, in an environment of its own."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.processes import ROOT

SEND = """
from django.core.mail import send_mail
send_mail("Hello", "Body", None, ["ada@example.com"])
send_mail("News", "Body", None, ["ada@example.com"], using="news")
"""


def sources(folder: Path) -> Path:
    """A copy of the library's folder as a clean checkout has it."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(ROOT / "mailroom", folder / "mailroom", ignore=ignored))


class Environment:
    """A Python environment: nothing but what is installed into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, cwd: Path | None = None, **variables: str) -> str:
        """Run one of its programs; what it printed. Fails where it ended with an error."""
        done = self.try_to(*command, cwd=cwd, **variables)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def try_to(
        self, *command: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, which may fail; output and errors together."""
        program, *arguments = command
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [str(self.folder / "bin" / program), *arguments],
            cwd=cwd or self.folder,
            env={**keep, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )


class Host:
    """A project made by `startproject`, with lines of its own at the end of its settings."""

    def __init__(self, environment: Environment, folder: Path, settings: str) -> None:
        self.environment, self.folder = environment, folder
        folder.mkdir(exist_ok=True)
        environment.run("django-admin", "startproject", "shop", ".", cwd=folder)
        self.add(settings)

    def add(self, settings: str) -> None:
        """Append lines to the settings."""
        with (self.folder / "shop" / "settings.py").open("a") as file:
            file.write(f"\n{settings}\n")

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def manage(self, *command: str, **variables: str) -> str:
        """Run a command of the project; what it printed."""
        return self.environment.run("python", "manage.py", *command, cwd=self.folder, **variables)

    def refused(self, *command: str) -> str:
        """Run a command that has to fail; the last line that it printed."""
        done = self.environment.try_to("python", "manage.py", *command, cwd=self.folder)
        assert done.returncode != 0, done.stdout
        return done.stdout.strip().splitlines()[-1]
