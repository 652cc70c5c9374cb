"""A wrong environment: refused at the start, every fault at once, by name, and no secret told."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT, free_port, settings_with

SECRET = "hunter2-is-the-password"
WRONG = {
    "MAILER_URL": f"smtp://postmaster:{SECRET}@",
    "MAILER_URL_REGISTRATION": f"carrier-pigeon://{SECRET}@loft.example",
    "MAILER_URL_PASSWORD_RESET": f"mailgun://{SECRET}",
    "MAILER_URL_NOTIFICATIONS": f"failover(smtp://user:{SECRET}@mail.example)",
    "MAILER_URL_NEWSLETTERS": f"smtps://user:{SECRET}@mail.example?timeout=soon",
    "MAIL_FROM": "nobody in particular",
    "MAIL_FROM_NEWSLETTERS": "Editors <editors@example.com>\nBcc: all@example.com",
    "MAIL_RATE_NEWSLETTERS": "fast",
    "DATABASE_URL": f"oracle-of-delphi://user:{SECRET}@host/name",
    "PUBLIC_URL": "www.example.com",
    "MAIL_RETRY_SECONDS": "a while",
}
MISSING = ["MAILER_URL", "SECRET_KEY", "PUBLIC_URL", "DATABASE_URL"]
SERVERS = {
    "check": ["manage.py", "check"],
    "worker": ["manage.py", "worker"],
    "web": ["-m", "gunicorn", "--bind", f"127.0.0.1:{free_port()}", "site_config.wsgi"],
}


def run(*arguments: str, **variables: str) -> tuple[int, str]:
    """Exit code and all output of a Python command that sees these variables and no others."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": "", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", SERVERS)
def test_every_wrong_variable_is_named_at_once(command: str) -> None:
    code, output = run(*SERVERS[command], **WRONG)

    assert code != 0
    assert [name for name in [*WRONG, "SECRET_KEY"] if f"{name} " not in output] == []
    assert SECRET not in output
    assert "Traceback" not in output


@pytest.mark.parametrize("command", SERVERS)
def test_every_missing_variable_is_named_at_once(command: str) -> None:
    code, output = run(*SERVERS[command])

    assert code != 0
    assert [name for name in MISSING if f"{name} is missing" not in output] == []


def test_an_unknown_option_of_a_mailer_is_refused_with_its_alias() -> None:
    code, output = run(
        "manage.py",
        "worker",
        DEBUG="1",
        SECRET_KEY="x" * 50,
        MAILER_URL=f"smtp://user:{SECRET}@mail.example.com?tiemout=10",
    )

    assert code != 0
    assert "smtp:mail.example.com" in output
    assert "tiemout" in output
    assert SECRET not in output


def test_the_settings_import_with_no_variable_at_all() -> None:
    code, output = run("-W", "error", "-c", "import site_config.settings")

    assert (code, output) == (0, "")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mail.example.com", "isn't a URL"),
        ("smtp://", "without a host"),
        ("smtp://user:pw@:587", "without a host"),
        ("smtp://mail.example.com:port", "host or port can't be read"),
        ("smtp://mail.example.com:99999", "host or port can't be read"),
        ("smtp://user:p#w@mail.example.com", "%23"),
        ("smtp://mail.example.com?timeout=0", "above 0"),
        ("pigeon://loft", "unknown scheme 'pigeon'"),
        ("postmark://", "postmark://TOKEN"),
        ("mailgun://key-only", "mailgun://KEY@domain"),
        ("mailjet://key", "mailjet://KEY:SECRET"),
        ("file://relative", "file:///folder"),
        ("failover(smtp://a.example smtp://b.example", "isn't closed"),
        ("failover(smtp://a.example)", "fewer than two"),
        ("split(smtp://a.example 10 smtp://b.example)", "split(90 URL 10 URL)"),
        ("split(0 smtp://a.example 0 smtp://b.example)", "all 0"),
        ("smtp://a.example smtp://b.example", "too many"),
    ],
)
def test_a_wrong_mailer_url_is_told_with_its_variable(url: str, problem: str) -> None:
    found = settings_with(DEBUG="1", SECRET_KEY="x" * 50, MAILER_URL_NEWSLETTERS=url)

    assert [one.variable for one in found.CONFIGURATION_FAULTS] == ["MAILER_URL_NEWSLETTERS"]
    assert problem in str(found.CONFIGURATION_FAULTS[0])


def test_one_wrong_url_in_two_variables_is_told_of_both() -> None:
    urls = dict.fromkeys(["MAILER_URL", "MAILER_URL_OPS"], "pigeon://loft")

    found = settings_with(DEBUG="1", SECRET_KEY="x" * 50, **urls)

    assert [one.variable for one in found.CONFIGURATION_FAULTS] == [*urls]


def test_the_development_inbox_is_refused_in_production_by_its_variable() -> None:
    variables = {**WHOLE, "MAILER_URL_NEWSLETTERS": "failover(inbox: smtp://mail.example.com)"}

    (fault,) = settings_with(**variables).CONFIGURATION_FAULTS

    assert fault.variable == "MAILER_URL_NEWSLETTERS"
    assert "development only" in str(fault)


WHOLE = {
    "SECRET_KEY": "x" * 50,
    "PUBLIC_URL": "https://www.example.com",
    "DATABASE_URL": "postgres://user:pw@127.0.0.1:1/name",
    "MAILER_URL": "smtp://user:pw@mail.example.com",
}
ADD_ONS = [
    {"POSTMARK_API_TOKEN": "token"},
    {"MAILGUN_API_KEY": "key", "MAILGUN_DOMAIN": "mail.example.com"},
    {"SENDGRID_API_KEY": "key"},
    {"CLOUDMAILIN_SMTP_URL": "smtp://user:pw@smtp.example.com:587?starttls=true"},
]
IMPORT = ["-c", "import site_config.wsgi"]


@pytest.mark.parametrize("missing", WHOLE)
def test_the_web_names_the_one_variable_that_is_missing(missing: str) -> None:
    code, output = run(*IMPORT, **{name: WHOLE[name] for name in WHOLE if name != missing})

    assert code == 3
    assert f"{missing} is missing" in output
    assert "1 fault" in output


@pytest.mark.parametrize("variables", ADD_ONS, ids=lambda one: next(iter(one)))
def test_the_web_starts_with_the_variables_of_an_add_on(variables: dict[str, str]) -> None:
    rest = {name: WHOLE[name] for name in WHOLE if name != "MAILER_URL"}

    code, output = run(*IMPORT, **rest, **variables)

    assert code == 0, output
