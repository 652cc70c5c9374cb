"""The version, the changelog, and what an upgrade may rely on."""

import re
import tomllib

from tests.processes import ROOT


def test_the_version_has_its_chapter_in_the_changelog():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chapters = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert chapters[:2] == ["Unreleased", version]
