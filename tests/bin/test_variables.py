"""Every variable of .env.example: a wrong value is refused in one line that names it."""

import re
import sys
from collections.abc import Iterator
from itertools import chain

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from mailroom.checks import account_faults
from mailroom.worker import readiness
from tests.bin.test_bad_environment import SERVERS, WHOLE, run
from tests.processes import ROOT, settings_with

SECRET = "hunter2-is-the-secret"  # in no output
FLAG = ["perhaps", "2", "on off", "ja", "-1", "1.0", " "]
WHOLE_NUMBER = ["x", "1.5", "1,5", "1e3", "0x10", "-1", " ", "nan", "9" * 23]
ABOVE_ZERO = [*WHOLE_NUMBER, "0"]
NUMBER = ["x", "-1", "nan", "inf", "1,5", "1s", " ", "1e400", "9" * 23]
FRACTION = ["x", "-1", "nan", "inf", "0,3", "0.3%", "3", " "]
RATE = ["fast", "-1", "0", "nan", "inf", "1,5", "10/s", " "]
ADDRESS = [
    *("boss", "boss@", "@example.com ", "a@b@c.example", "a@exa mple.com", " ", "ü@example.com"),
    *("Boss <boss@example.com", "a@[127.0.0.1]", "a@-example.com", "a@example..com"),
    *(
        "a@b\u2028.test",
        "Boss <boss@example.com>\nBcc: x@example.com",
        "a@example.com;b@example.com",
    ),
]
ADDRESSES = [one for one in ADDRESS if not one.startswith("@")]
BARE_ADDRESS = [*ADDRESS, "Boss <boss@example.com>", "a+b@example.com", "mailto:a@b.test"]
MAILER = [
    *("mail.example.com", " ", "smtp://", f"smtp://u:{SECRET}@", f"smtp://u:{SECRET}@h:port"),
    *(f"smtp://u:{SECRET}@h:{port}" for port in (0, 99999, -1)),
    *(f"smtp://u:{SECRET}{sign}x@h" for sign in ("#", "/", "?", "@", "[", " ", "%", "(", ")")),
    *(f"pigeon://{SECRET}@loft", f"postmark:{SECRET}", "postmark://", f"mailgun://{SECRET}"),
    *(f"smtp://u:{SECRET}@h?timeout=0", f"smtp://u:{SECRET}@h?tiemout=3", "smtp://h?from=x"),
    *("failover(smtp://a smtp://b", "failover(smtp://a)", "split(1 smtp://a)", "inbox:"),
    *("smtp://user@h", f"smtp://:{SECRET}@h", "smtp://h/path", "smtp://a..b", "smtp://h_x"),
    *("smtp://bücher.example", "smtp://-a", "console://x", "file:///", "quota(0/day a b)"),
]
MAILBOX = [
    *("imap", "imaps://", "imaps://h", f"imaps://u:{SECRET}@", "imaps://u@h", "pop3://u:p@h", " "),
    *(f"imaps://u:{SECRET}{rest}" for rest in ("@h:port", "#x@h", "/x@h", "[x@h", "@h:0")),
]
REDIS = [
    *("mysql://h/0", "redis", "redis:", "redis://", "redis:///0", "http://h", "redis://h:port/0"),
    *("redis://h:99999/0", "redis://h:0/0", "redis://h/x", "redis://h/-1", "redis://ho st/0", " "),
    *(f"redis://:{SECRET}{sign}x@h/0" for sign in ("#", "/", "?", "@", "[", "%")),
]
KEY = ["x", "x" * 60, "secret", " ", "change-me" * 6, "abcdeabcde" * 5, "0123456789" * 4]

CHANNELS = ("REGISTRATION", "PASSWORD_RESET", "NOTIFICATIONS", "NEWSLETTERS")
WRONG = {
    "DEBUG": FLAG,
    "SECRET_KEY": [*KEY, "password" * 4, "django-insecure-q1w2e3r4t5y6u7i8o9p0a1s2d3f4"],
    "SECRET_KEY_FALLBACKS": [*KEY, ",", f"{WHOLE['SECRET_KEY']},old"],
    "PUBLIC_URL": [
        *("www.example.com", "https://", "https:///x", "https://[bad", " ", "https:// "),
        *("https://www.example.com:port", "https://www.example.com:99999", "https://h:-1"),
        *("https://www.example.com:0", "https://www.example.com:", "https://www.exa mple.com"),
        *(
            "https://bücher.example",
            "https://faß.de",
            "https://gıthub.test",
            "https://１２７.0.0.1",
        ),
        *(
            "https://.example.com",
            "https://example..com",
            "https://-example.com",
            "https://a_b.com",
        ),
        *(
            "https://*.example.com",
            "https://%77ww.example.com",
            "https://a.example,https://b.example",
        ),
        *("https://user:pw@www.example.com", "https://www.example.com?x", "https://a.example#x"),
        *("ftp://www.example.com", "http://www.example.com", "https://www.example.com\\x"),
        *("https://[::g]", "https://[::1]x", "https:www.example.com", "https://999.1.1.1"),
        *('"https://www.example.com"', f"https://{'a' * 64}.example"),
    ],
    "ALLOWED_HOSTS": [
        *("*", "https://www.example.com", "example.com", "other.example", ".example.org", ",", " "),
        *("www.example.com/x", "www.example.com:8000", "www.example.com;b.example"),
    ],
    "TRUSTED_PROXY_COUNT": WHOLE_NUMBER,
    "REQUIRE_TWO_FACTOR_FOR_STAFF": FLAG,
    "ANSWER_STEP_SECONDS": NUMBER,
    "DATABASE_URL": [
        *(
            "mysql://u:p@h/n",
            "oracle://u:p@h/n",
            "mssql://u:p@h/n",
            "postgis://u:p@h/n",
            "postgres",
        ),
        *("postgres:", "postgres://", f"postgres://u:{SECRET}@h", f"postgres://u:{SECRET}@h/", " "),
        *(f"postgres://u:{SECRET}{s}x@h/n" for s in ("#", "/", "?", "@", "[", "]", "%", " ", "\\")),
        *(f"postgres://u:{SECRET}@{rest}" for rest in ("h:port/n", "h:99999/n", "h:0/n")),
        *("postgres://u:p@h/n?sslmod=require", "postgres://u:p@h/n?pool=x", "postgres://u:p@h_x/n"),
        *("sqlite://", "sqlite:///", "sqlite:///no/such/folder/db.sqlite3", "sqlite:///:memory:"),
        *("sqlite:////tmp", "sqlite://relative.sqlite3", "sqlite:///x?timeout=soon"),
    ],
    "DATABASE_POOL_SIZE": WHOLE_NUMBER,
    "CACHE_URL": [*REDIS, "amqp://h"],
    "PICTURE_STORAGE": [
        *("no.such.Storage", "folder", "/srv", "file://x", "file:///", " ", "..", "s3://bucket"),
        *("newsletters.composing.NoSuch", "django.core"),
    ],
    "TASKS_URL": [*REDIS, "amqp://", f"amqp://u:{SECRET}/x@h", "amqp://h/v h"],
    "WORKER_IN_WEB": FLAG,
    "ADMINS": [*ADDRESSES, "boss@example.com,nobody", ","],
    "MAILER_URL": MAILER,
    **{f"MAILER_URL_{channel}": MAILER[3:9] for channel in (*CHANNELS, "OPS")},
    "MAIL_ACCOUNT_KEYS": ["x", "secret", "a,b", "=" * 44, "x" * 44 + "=", "-"],
    "MAILROOM_ROUTERS": ["x", "no.such.Router", "os", "os.path", "mailroom", "django.core.NoSuch"],
    "MAILROOM_PROVIDERS": [
        "acme",
        "acme=no.such.Provider",
        "a_b=os.path",
        "acme=os.path.join",
        "a=os",
        "=os.path",
    ],
    "MAILROOM_DOMAIN_ROUTES": ["x", "=", "example.com=", "=postmark", "a b=c", "a.b=c=d", ",", " "],
    # Refused in production, whatever they say.
    "MAIL_ACCOUNT_LOOPBACK_HOSTS": ["x", "localhost", "127.0.0.1", "*", "a,b", "h:1"],
    "MAIL_ACCOUNT_API_URLS": ["x", "=", "a=", "postmark=http://127.0.0.1:8026/", "a=b=c", "a b"],
    "STAGING_MAIL": ADDRESSES,
    "MAIL_SPECIAL_USE_DOMAINS": ["com", ".local", "*", "@local", "local;test", "lo cal", ",", " "],
    "MAIL_FROM": ADDRESS,
    **{f"MAIL_FROM_{channel}": ADDRESS[:6] for channel in CHANNELS},
    "MAIL_REPLY_TO": ADDRESS[:8],
    **{f"MAIL_REPLY_TO_{channel}": ADDRESS[:6] for channel in CHANNELS},
    "MAIL_RATE_REGISTRATION": RATE,
    **{f"MAIL_RATE_{channel}": RATE[:6] for channel in CHANNELS[1:]},
    "MAIL_DAILY_CAP": ABOVE_ZERO,
    **{f"MAIL_DAILY_CAP_{channel}": ABOVE_ZERO[:6] for channel in CHANNELS},
    "MAIL_BOUNCE_ADDRESS": BARE_ADDRESS,
    "MAIL_BOUNCE_URL": MAILBOX,
    "MAIL_UNSUBSCRIBE": BARE_ADDRESS,
    "MAIL_UNSUBSCRIBE_URL": MAILBOX,
    "DKIM_SELECTORS": ["a b", "a._domainkey.example.com", "a..b", "*", "a;b", "ü", " ", "-", ","],
    "WEBHOOK_SECRET": [
        *("a:b", "user", "user:", ":pw", ",", "user:aaaaaaaaaaaaaaaaaaaaa", "u:changeme1234567"),
        *("user:passwordpassword", " ", "user:a-good-password-1234,a:b"),
    ],
    "METRICS_TOKEN": [*KEY, "a b" * 20, f"{WHOLE['SECRET_KEY']}ü"],
    "MAIL_LEASE_SECONDS": ABOVE_ZERO,
    "MAIL_RETRY_SECONDS": NUMBER,
    "MAIL_BREAKER_SECONDS": NUMBER,
    "MAIL_RETENTION_DAYS": ABOVE_ZERO,
    "PUBLISH_GRACE_SECONDS": WHOLE_NUMBER,
    "ISSUE_STOP_COMPLAINTS": FRACTION,
    "ISSUE_STOP_BOUNCES": FRACTION,
    "ISSUE_STOP_MINIMUM": ABOVE_ZERO,
    "ISSUE_STOP_FAILURES": ABOVE_ZERO,
    "NEWSLETTER_TRACKING": ["open", "opens;clicks", "1", "true", "opens clicks", "all", " "],
    "NOTIFICATION_RETENTION_DAYS": ABOVE_ZERO,
}
# Not the site's own: gunicorn, platforms and scripts set them.
ELSEWHERE = {
    "PORT": [*WHOLE_NUMBER, "0", "65536", "8000/tcp"],
    "WEB_CONCURRENCY": [*WHOLE_NUMBER, "0", "many"],
    "GUNICORN_CMD_ARGS": [
        *("--nonsense", "--workers=many", "--workers=-1", "--bind=h:port", "'", "-w"),
        *("--timeout=soon", " "),
    ],
    "ENV_FILE": ["/no/such/file", str(ROOT), "/", "no/such", sys.executable, "."],
}
WRONG |= ELSEWHERE
NEEDS = {"MAIL_BOUNCE_URL": {"MAIL_BOUNCE_ADDRESS": "bounces@example.com"}}
DOCUMENTED = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)
DOCUMENTED += ELSEWHERE
ACCOUNTS = (
    *("MAIL_ACCOUNT_KEYS", "MAILROOM_ROUTERS", "MAILROOM_DOMAIN_ROUTES"),
    *("MAIL_ACCOUNT_LOOPBACK_HOSTS", "MAIL_ACCOUNT_API_URLS"),
)


def test_the_table_has_six_wrong_values_of_every_documented_variable() -> None:
    assert [name for name in DOCUMENTED if len(WRONG.get(name, [])) < 6] == []


@pytest.mark.django_db
@pytest.mark.parametrize("variable", DOCUMENTED)
def test_a_wrong_value_is_refused_in_one_line_that_names_its_variable(variable: str) -> None:
    told = {value: list(faults(variable, value)) for value in WRONG[variable]}

    assert {
        value: lines
        for value, lines in told.items()
        if [line.replace(":", " ").split()[0] for line in lines] != [variable]
    } == {}
    assert [line for line in chain(*told.values()) if SECRET in line or "\n" in line] == []


def faults(variable: str, value: str) -> Iterator[str]:
    """Every line that the site refuses to start with."""
    found = settings_with(**{**WHOLE, **NEEDS.get(variable, {}), variable: value})
    yield from map(str, found.CONFIGURATION_FAULTS)
    if variable in ACCOUNTS and not found.CONFIGURATION_FAULTS:
        values = {name: getattr(found, name) for name in ACCOUNTS}
        with override_settings(DEBUG=False, **values):
            yield from account_faults()


def test_another_database_is_called_unsupported() -> None:
    (line,) = faults("DATABASE_URL", f"mysql://user:{SECRET}@host/name")

    assert "mysql, which is not supported: SQLite or PostgreSQL" in line


def test_a_host_with_letters_of_its_own_is_told_in_the_form_to_write() -> None:
    (line,) = faults("PUBLIC_URL", "https://faß.de")

    assert "write it as xn--fa-hia.de" in line


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": "postgresql://user:p%40ss@[::1]:5432/name?sslmode=require"},
        {"DATABASE_URL": "postgres:///name"},
        {"DATABASE_URL": "postgres://%2Fvar%2Frun%2Fpostgresql/name"},
        {"PUBLIC_URL": "https://xn--bcher-kva.example:8443/post"},
        {"TASKS_URL": "amqps://user:pw@host:5671/vhost"},
        {"CACHE_URL": "rediss://:pw@host:6379/1"},
        {"MAIL_FROM": '"Doe, Jane" <jane@example.com>'},
        {"ADMINS": "boss@example.com, Other <other@example.com>"},
        {"MAIL_SPECIAL_USE_DOMAINS": "none"},
        {"DKIM_SELECTORS": "s1,20240101.pm,k2_eu"},
        {"STAGING_MAIL": "@example.com, boss@example.com"},
        {"MAILER_URL": "ses://"},
    ],
)
def test_a_right_value_is_accepted(variables: dict[str, str]) -> None:
    assert settings_with(**{**WHOLE, **variables}).CONFIGURATION_FAULTS == []


@pytest.mark.parametrize(
    ("variable", "value"), [("PORT", "abc"), ("WEB_CONCURRENCY", "0"), ("ENV_FILE", str(ROOT))]
)
def test_gunicorn_names_a_wrong_value(variable: str, value: str) -> None:
    code, output = run(*SERVERS["web"], **{**WHOLE, variable: value})

    assert code != 0
    assert f"{variable} " in output
    assert "Traceback" not in output


@pytest.mark.parametrize("command", ["check", "worker"])
def test_the_release_step_and_the_worker_name_what_gunicorn_would_trip_over(command: str) -> None:
    wrong = {"WEB_CONCURRENCY": "many", "PORT": "abc", "ENV_FILE": "/no/such/file"}
    code, output = run(*SERVERS[command], **{**WHOLE, **wrong})

    assert code != 0
    assert [name for name in wrong if f"{name} " not in output] == []
    assert "Traceback" not in output


def test_production_without_collected_static_files_is_refused(tmp_path) -> None:
    code, output = run(*SERVERS["web"], **WHOLE, VAR_DIR=str(tmp_path))

    assert code != 0
    assert "run manage.py collectstatic" in output
    assert "Traceback" not in output


def test_the_list_of_mailers_shows_what_is_wrong_and_exits_1() -> None:
    code, output = run("manage.py", "mailers", **{**WHOLE, "MAILER_URL": f"postmark:{SECRET}"})

    assert code == 1
    assert "MAILER_URL has a postmark URL that isn't written as postmark://TOKEN" in output
    assert SECRET not in output


@pytest.mark.django_db
def test_the_list_of_mailers_names_a_router_that_is_not_there(settings) -> None:
    settings.MAILROOM_ROUTERS = ["no.such.Router"]

    with pytest.raises(CommandError, match="MAILROOM_ROUTERS"):
        call_command("mailers")


@pytest.mark.django_db
def test_a_database_ahead_of_the_code_is_no_fault(monkeypatch) -> None:
    """After a rollback: the newer release had added a column that may stay empty."""
    monkeypatch.setattr(readiness, "_is_migrated", False)
    MigrationRecorder(connection).record_applied("mailroom", "9999_of_a_newer_release")

    assert readiness.readiness()["database"] == "ok"
