"""The files that platforms read agree with each other and with the site."""

import json
import re
import tomllib

import pytest

from mailroom.conf import DEFAULTS
from site_config.environment import ADD_ONS, SMTP_ADD_ON
from tests.processes import ROOT

PROCFILE = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line.strip()
)
VARIABLES = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
ELSEWHERE = {"WEB_CONCURRENCY", "PYTHON_VERSION", "PORT"}  # gunicorn's and the platforms' own


def test_the_procfile_names_what_platforms_run():
    assert set(PROCFILE) == {"web", "worker", "release", "postdeploy"}
    assert PROCFILE["release"] == PROCFILE["postdeploy"]


def test_app_json_asks_only_for_variables_that_the_site_reads():
    app = json.loads((ROOT / "app.json").read_text())

    assert set(app["env"]) <= VARIABLES | ELSEWHERE
    assert app["env"]["SECRET_KEY"]["generator"] == "secret"
    assert set(app["formation"]) == {"web", "worker"}
    assert any(addon.startswith("heroku-postgresql") for addon in app["addons"])


# The keys that we use, as their schemas name them (compared in November 2026):
# https://devcenter.heroku.com/articles/app-json-schema, https://render.com/schema/render.yaml.json
APP_JSON = {
    *("name", "description", "keywords", "buildpacks", "addons", "formation", "env"),
    "environments",
}
IN_APP_JSON = {
    "formation": {"quantity", "size"},
    "env": {"description", "value", "required", "generator"},
    "environments": {"scripts"},
}
RENDER = {
    *("databases", "envVarGroups", "services", "name", "plan", "envVars", "type", "runtime"),
    *("buildCommand", "preDeployCommand", "startCommand", "healthCheckPath", "property"),
    *("maxShutdownDelaySeconds", "key", "value", "generateValue", "sync", "fromGroup"),
    "fromDatabase",
}


def test_app_json_has_only_keys_of_its_schema():
    app = json.loads((ROOT / "app.json").read_text())

    assert set(app) <= APP_JSON
    for name, allowed in IN_APP_JSON.items():
        assert {key for one in app[name].values() for key in one} <= allowed, name
    # Strings, as the schema asks for; a number or a truth value is refused.
    assert {type(one.get("value", "")) for one in app["env"].values()} == {str}
    # Neither root nor a server of any kind is there where it runs.
    assert app["environments"]["test"]["scripts"] == {"test": "bin/test --quick"}


def test_render_has_only_keys_of_its_schema():
    text = (ROOT / "render.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]

    keys = set(re.findall(r"^\s*(?:- )?(\w+):", "\n".join(lines), re.MULTILINE))
    assert keys <= RENDER
    assert {"healthCheckPath", "preDeployCommand", "maxShutdownDelaySeconds"} <= keys
    assert not re.search(r"value: [\d.]+$", text, re.MULTILINE)  # YAML would make it a number


def test_render_runs_the_lines_of_the_procfile():
    text = (ROOT / "render.yaml").read_text()

    assert f"startCommand: {PROCFILE['web']}\n" in text
    assert f"startCommand: {PROCFILE['worker']}\n" in text
    assert f"preDeployCommand: {PROCFILE['release']}\n" in text
    assert set(re.findall(r"key: ([A-Z_]+)", text)) <= VARIABLES | ELSEWHERE


@pytest.mark.parametrize("process", ["web", "worker"])
def test_systemd_runs_the_same_programs_and_leaves_them_time(process):
    text = (ROOT / "deploy" / f"mailroom-{process}.service").read_text()

    program, *arguments = PROCFILE[process].split()
    command = re.search(r"^ExecStart=\S*/bin/(.*)$", text, re.MULTILINE)
    assert command is not None
    assert command[1].split()[0] == program
    assert command[1].split()[-len(arguments) :] == arguments
    assert "TimeoutStopSec=30" in text


def test_the_python_that_platforms_take_is_one_that_is_supported():
    wanted = (ROOT / ".python-version").read_text().strip()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert wanted >= project["requires-python"].removeprefix(">=")


def test_every_variable_in_the_documents_is_one_that_the_site_reads():
    for name in ("deploy", "operate"):
        text = (ROOT / "docs" / f"{name}.md").read_text()
        named = set(re.findall(r"`([A-Z]+_[A-Z_]+)[=`]", text))
        platforms = {one for one in named if one.startswith(("CC_", "RAILWAY_"))}
        platforms |= {one for names in ADD_ONS for one in names} | {SMTP_ADD_ON}
        assert named - platforms <= VARIABLES | ELSEWHERE


def test_a_project_that_takes_the_mailroom_alone_has_the_sites_numbers():
    text = (ROOT / ".env.example").read_text()
    numbers = {name: value for name, value in DEFAULTS.items() if type(value) in {int, float}}

    told = dict(re.findall(r"^([A-Z_]+)=([\d.]+)$", text, re.MULTILINE))
    read = (ROOT / "site_config" / "settings.py").read_text()
    assert numbers
    for name, value in numbers.items():
        assert float(told[name]) == value
        assert re.search(rf'"{name}", {re.escape(str(value))}[,)]', read), name


def test_compose_and_the_image_run_the_lines_of_the_procfile():
    compose = (ROOT / "compose.yaml").read_text()
    image = (ROOT / "Dockerfile").read_text()

    assert f"command: {PROCFILE['web']}\n" in compose
    assert f"command: {PROCFILE['worker']}\n" in compose
    assert f"command: {PROCFILE['release']}\n" in compose
    assert json.loads(re.findall("^CMD (.*)$", image, re.MULTILINE)[0]) == PROCFILE["web"].split()
    assert "--require-hashes -r requirements.txt" in image


def test_the_image_leaves_secrets_and_development_files_out():
    left_out = (ROOT / ".dockerignore").read_text().split()

    assert {".env", ".git", ".venv", "var"} <= set(left_out)
