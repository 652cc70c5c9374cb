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
    "asgi": ["-m", "uvicorn", "--port", str(free_port()), "site_config.asgi:application"],
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
        SECRET_KEY="x7-random-key-of-tests-Q2w9Zr4Lk8Vb",
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
    found = settings_with(
        DEBUG="1", SECRET_KEY="x7-random-key-of-tests-Q2w9Zr4Lk8Vb", MAILER_URL_NEWSLETTERS=url
    )

    assert [one.variable for one in found.CONFIGURATION_FAULTS] == ["MAILER_URL_NEWSLETTERS"]
    assert problem in str(found.CONFIGURATION_FAULTS[0])


def test_one_wrong_url_in_two_variables_is_told_of_both() -> None:
    urls = dict.fromkeys(["MAILER_URL", "MAILER_URL_OPS"], "pigeon://loft")

    found = settings_with(DEBUG="1", SECRET_KEY="x7-random-key-of-tests-Q2w9Zr4Lk8Vb", **urls)

    assert [one.variable for one in found.CONFIGURATION_FAULTS] == [*urls]


def test_the_development_inbox_is_refused_in_production_by_its_variable() -> None:
    variables = {**WHOLE, "MAILER_URL_NEWSLETTERS": "failover(inbox: smtp://mail.example.com)"}

    (fault,) = settings_with(**variables).CONFIGURATION_FAULTS

    assert fault.variable == "MAILER_URL_NEWSLETTERS"
    assert "development only" in str(fault)


WHOLE = {
    "SECRET_KEY": "x7-random-key-of-tests-Q2w9Zr4Lk8Vb",
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


FERNET = "Wm0pS9v2Xr7Lq4Tz8Hd1Bn6Gk3Jc5Fy0Ue_aVi-RoMs="
WEAK = {
    "SECRET_KEY": [
        "x",
        "x" * 50,
        "secret",
        "django-insecure-x7Q2w9Zr4Lk8Vb1Nm6Tp3Yh5Jc0Gd7Sf4Ae",
        "change-me-change-me-change-me-change-me-1234567890",
        "0123456789012345678901234567890",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
        "my-insecure-secret-key-0123456789-9876543210",
        "please-change-this-before-production-Q2w9Zr4Lk8",
        "postgres://user:pw@host/name-of-a-database",
        "${SECRET_KEY_OF_THE_PLATFORM_Q2w9Zr4Lk8Vb}",
        '"x7-random-key-in-quotes-Q2w9Zr4Lk8Vb"',
    ],
    "METRICS_TOKEN": [WHOLE["SECRET_KEY"], "x"],
    "STAGING_MAIL": [",", " , "],
    "NEWSLETTER_TRACKING": ["open", "opens clicks"],
    "MAILER_URL": [
        "smtp://user:password@host:587",
        "failover(smtp://u:pw@a.example mailgun://YOUR_API_KEY@example.com)",
        "smtp://user:pw@mail.example.com?timeout=99999999999",
        "'smtp://user:pw@mail.example.com'",
    ],
    "DATABASE_URL": ["postgres://user:password@host:5432/name"],
    "MAIL_ACCOUNT_KEYS": ["x", "a,b", "x" * 50, f"{'A' * 43}=", f"{FERNET},old"],
    "SECRET_KEY_FALLBACKS": ["x", f"{WHOLE['SECRET_KEY']},old"],
    "WEBHOOK_SECRET": [
        "a:b",
        "user",
        "user:",
        ":a-long-password-1234",
        "user:changeme1234567",
        "user:aaaaaaaaaaaaaaaaaaaa",
        "user:password87654",
        "user:a-good-password-1234,a:b",
        '"user:a-good-password-1234"',
        f"user:{WHOLE['SECRET_KEY']}",
        "https://user:a-good-password-1234@host",
        "user: a-good-password-1234",
    ],
    "PUBLIC_URL": [
        "http://www.example.com",
        "http://www.example.com:8080/post",
        "HTTP://www.example.com",
        "www.example.com",
        "https://",
        "https://[bad",
        "https://www.example.com:port",
        "https://user:pw@www.example.com",
        "https://www.example.com/#top",
        "https://www.example.com/?a=b",
        "https://www.example.com?",
        "https://www.example.com/post/../office",
        "https://www.example.com/a b",
        "ftp://www.example.com",
    ],
    "ALLOWED_HOSTS": [
        "*",
        "https://www.example.com",
        "example.com",
        "other.example",
        ".example.org",
    ],
    "ADMINS": ["boss", "boss@example.com,nobody"],
    "TRUSTED_PROXY_COUNT": ["-1", "one"],
    "MAIL_RETENTION_DAYS": ["0", "-5"],
    "NOTIFICATION_RETENTION_DAYS": ["0"],
    "MAIL_LEASE_SECONDS": ["0", "-1"],
    "MAIL_RETRY_SECONDS": ["-1", "nan", "inf"],
    "MAIL_BREAKER_SECONDS": ["-1"],
    "PUBLISH_GRACE_SECONDS": ["-1"],
    "ISSUE_STOP_COMPLAINTS": ["0.3%", "3", "-0.1"],
    "ISSUE_STOP_BOUNCES": ["5"],
    "ISSUE_STOP_MINIMUM": ["0"],
    "ISSUE_STOP_FAILURES": ["0"],
    "TASKS_URL": ["mysql://host/0", "redis", "http://host"],
    "CACHE_URL": ["memcached://host", "redis://host/99999", "redis://user:password@host:6379/1"],
    "PICTURE_STORAGE": ["no.such.Storage", "folder", "/srv/pictures"],
    "REQUIRE_TWO_FACTOR_FOR_STAFF": ["perhaps"],
}


@pytest.mark.parametrize("variable", WEAK)
def test_what_an_operator_got_wrong_is_refused_by_its_name(variable: str) -> None:
    for value in WEAK[variable]:
        found = settings_with(**{**WHOLE, variable: value}).CONFIGURATION_FAULTS

        assert [one.variable for one in found] == [variable], value
        assert "1234" not in str(found[0])
        assert "8765" not in str(found[0])


GOOD = [
    {},
    {"SECRET_KEY": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"},
    {"SECRET_KEY": "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaQ=="},
    {"WEBHOOK_SECRET": "hook:kd83-Ls72-qP01"},
    {"WEBHOOK_SECRET": "hook:the-password-of-Ls72"},
    {"WEBHOOK_SECRET": "hook:pass:with:colons-1234"},
    {"PUBLIC_URL": "https://www.example.com/"},
    {"PUBLIC_URL": "https://www.example.com/post/office"},
    {"PUBLIC_URL": "https://www.example.com:8443"},
    {"PUBLIC_URL": "http://127.0.0.1:8000"},
    {"PUBLIC_URL": "http://localhost"},
    {"PUBLIC_URL": "http://[::1]:8000"},
    {"ALLOWED_HOSTS": "www.example.com,10.0.0.7"},
    {"PUBLIC_URL": "https://www.example.com/.well/a..b"},
    {"MAIL_ACCOUNT_KEYS": FERNET},
    {"ALLOWED_HOSTS": ".example.com"},
    {"ADMINS": "boss@example.com, Ann <ann@example.com>"},
    {"SECRET_KEY_FALLBACKS": f"{FERNET}, Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaQ=="},
    {"WEBHOOK_SECRET": "hook:kd83-Ls72-qP01, new:zT55-Wm90-aB17"},
    {"MAIL_FROM": '"Mailroom, Inc." <mail@example.com>'},
    {"MAIL_USER": "root", "DATABASE_PRIVATE_URL": "postgres://h/n", "SECRET_KEY_BASE": "x"},
    {"TASKS_URL": "amqp://u:p@host"},
    {"PICTURE_STORAGE": "django.core.files.storage.FileSystemStorage"},
]


MISSPELT = {
    "STAGING_MAILS": "STAGING_MAIL",
    "MAIL_FORM": "MAIL_FROM",
    "MAILER_URL_NEWSLETTER": "MAILER_URL_NEWSLETTERS",
    "WEBHOOK_KEY_MAILGUNN": "WEBHOOK_KEY_MAILGUN",
    "ALLOWED_HOST": "ALLOWED_HOSTS",
    "TRUSTED_PROXIES_COUNT": "TRUSTED_PROXY_COUNT",
}


@pytest.mark.parametrize("name", MISSPELT)
def test_a_name_that_is_nearly_right_is_refused_with_the_right_one(name: str) -> None:
    (fault,) = settings_with(**WHOLE, **{name: "canary"}).CONFIGURATION_FAULTS

    assert str(fault) == f"{name} is unknown: is {MISSPELT[name]} meant?"


def test_the_items_of_a_list_may_have_spaces_around_them() -> None:
    found = settings_with(
        **WHOLE, SECRET_KEY_FALLBACKS=f"{FERNET} , {FERNET[::-1]}", ALLOWED_HOSTS=" a.example, b "
    )

    assert [FERNET, FERNET[::-1]] == found.SECRET_KEY_FALLBACKS
    assert found.ALLOWED_HOSTS == ["a.example", "b"]


@pytest.mark.parametrize("variables", GOOD)
def test_what_is_right_is_accepted(variables: dict[str, str]) -> None:
    assert settings_with(**{**WHOLE, **variables}).CONFIGURATION_FAULTS == []


def test_development_may_have_weak_keys() -> None:
    weak = {"DEBUG": "1", "SECRET_KEY": "x", "WEBHOOK_SECRET": "a:b", "ALLOWED_HOSTS": "*"}
    assert settings_with(**weak, PUBLIC_URL="http://www.example.com").CONFIGURATION_FAULTS == []


def test_the_web_does_not_start_with_a_weak_key() -> None:
    code, output = run(*IMPORT, **{**WHOLE, "SECRET_KEY": "x", "WEBHOOK_SECRET": "a:b"})

    assert code == 3
    assert "SECRET_KEY can be guessed" in output
    assert "WEBHOOK_SECRET" in output
    assert "Traceback" not in output
