"""The mailroom in an empty project of somebody else's, by the steps of docs/reuse.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.processes import ROOT

GUIDE = (ROOT / "docs" / "reuse.md").read_text()
STEPS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
FILE_NAME = re.compile(r"(?:#|\{#) (\S+\.\w+)")


class Project:
    """A folder in which the guide's steps are done, in their order."""

    def __init__(self, folder: Path, smtp_port: int) -> None:
        self.folder = folder
        binaries = Path(sys.executable).parent
        self.environment = {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "MAILROOM": str(ROOT),
            "SMTP_PORT": str(smtp_port),
            "PYTHONWARNINGS": "error",
        }
        self.script = "set -eu\n"  # what is exported in one step is there in the next

    def do(self, language: str, text: str) -> str:
        """One step: run it, or put it into the file that its first line names; what it printed."""
        if language == "sh":
            return self._run(text)
        path = self.folder / FILE_NAME.match(text)[1]
        with path.open("a") as file:
            file.write(text)
        return ""

    def _run(self, text: str) -> str:
        command = ["sh", "-c", self.script + text]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.script += "".join(f"{line}\n" for line in text.splitlines() if "export " in line)
        return done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the steps printed, and what the mail server got."""
    with SMTPServer(Script()) as server:
        project = Project(tmp_path_factory.mktemp("letters"), server.port)
        said = [project.do(*step) for step in STEPS if "pip install" not in step[1]]
        yield "\n".join(said), list(server.received)


def test_each_type_goes_by_its_own_channel(told):
    said, _ = told

    default, news = re.findall(r"^(?:default|news)\n(?:  .+\n)+", said, re.MULTILINE)
    assert "carries   letters.welcome\n" in default
    assert "via       smtp:127.0.0.1" in default
    assert "carries   letters.news\n" in news
    assert "via       smtp:localhost" in news


def test_both_mails_arrive_whole(told):
    _, received = told

    welcome, news = sorted((one.mail for one in received), key=lambda mail: -len(mail["Subject"]))
    assert welcome["Subject"] == "Welcome, Ada"
    assert news["Subject"] == "News for Ada"
    assert welcome["From"] == "Letters <hello@letters.example.com>"
    assert "it is good to have you" in welcome.get_body(("plain",)).get_content()
    assert "<p" in welcome.get_body(("html",)).get_content()


def test_the_libraries_it_names_are_those_of_this_site():
    wanted = re.search(r"pip install ([^`]+)", GUIDE)[1].replace("\\", "").split()
    ours = (ROOT / "pyproject.toml").read_text()

    assert [name for name in wanted if f'"{name}' not in ours] == []
