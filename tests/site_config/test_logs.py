"""Logs say which request they belong to, and nothing that opens a door."""

import io
import json
import logging.config
import runpy
from base64 import b64encode
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from django.test import override_settings
from gunicorn.config import Config

from site_config import logs

ROOT = Path(__file__).parent.parent.parent
KEY = "k" * 40
RESET = "/accounts/password/reset/key/1-abcdefghijklmnopqrstuvwxyz0123456789/"


@pytest.fixture
def told():
    """Log as in production, but into a text; what stands there, line by line."""
    logging.config.dictConfig(logs.logging_config(debug=False))
    written = io.StringIO()
    for handler in logging.getLogger().handlers:
        if handler.name == "stdout":
            handler.setStream(written)
    yield (
        logging.getLogger("site_config.test"),
        lambda: [json.loads(line) for line in written.getvalue().splitlines()],
    )
    logging.config.dictConfig(logs.logging_config(debug=True))


def test_a_line_is_json_and_names_its_request(told):
    logger, lines = told
    mark = logs.request_id.set("abcdefgh")
    logger.info("Delivery %s went out.", 7)
    logs.request_id.reset(mark)

    (line,) = lines()
    assert (line["message"], line["levelname"]) == ("Delivery 7 went out.", "INFO")
    assert line["request_id"] == "abcdefgh"


@override_settings(SECRET_KEY=KEY)
def test_no_secret_stands_in_a_line(told):
    logger, lines = told
    logger.error("No page at %s with %s", RESET, KEY)
    logger.error("smtp://user:pa$$word@mail.example.com is away")

    told_lines = [line["message"] for line in lines()]
    assert told_lines == [
        "No page at /accounts/password/reset/key/…/ with …",
        "smtp://…@mail.example.com is away",
    ]


PASSWORDS = ['quo"te-word', "back\\slash-word", "fünf-word-ü", "sla/sh@at-word", "<tag>&-word'"]


def forms(password: str) -> dict[str, str]:
    """A password as texts show it."""

    def base64(text: str) -> str:
        return b64encode(text.encode()).decode()

    return {
        "plain": password,
        "quoted by Python": repr(password),
        "as bytes": repr(password.encode()),
        "in JSON": json.dumps(password),
        "in a URL": f"smtp://user:{quote(password, safe='')}@mail.example:587",
        "in a URL, as it is": f"amqp://user:{password}@host/vhost",
        "in lower-case escapes": quote(password, safe="").lower(),
        "in HTML": escape(password),
        "AUTH PLAIN": base64(f"\0user\0{password}"),
        "AUTH LOGIN": base64(password),
        "basic auth": base64(f"user:{password}"),
        "in an HTTP client's header": base64(f"api:{password}"),
        "in the middle of base64": base64(f'{{"key": "{password}"}}'),
        "base64 without padding": base64(password).rstrip("="),
        "in JSON in JSON": json.dumps(json.dumps(password)),
        "quoted twice": repr(repr(password)),
        "in a page that quotes JSON": escape(json.dumps(password)),
        "in HTML in HTML": escape(escape(password)),
        "in a URL in a URL": quote(quote(password, safe=""), safe=""),
        "in a form": quote_plus(password),
        "in JSON of PHP": json.dumps(password).replace("/", "\\/"),
        "in another charset": password.encode().decode("latin-1"),
    }


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_mailers_password_is_masked_in_every_form(told, settings, password):
    options = {"username": "user", "password": password}
    settings.MAILERS = {**settings.MAILERS, "smtp": {"BACKEND": "x", "OPTIONS": options}}
    logger, lines = told

    for name, form in forms(password).items():
        logger.error("%s: reply to %s", name, form)
        logger.error({"reply": form, "nested": [{"deep": (form,)}]})
        logger.error("told beside", extra={"answer": form, "error": ValueError(form)})
        try:
            raise ValueError(form)
        except ValueError:
            logger.exception("It failed")

    for line in lines():
        text = json.dumps(line, ensure_ascii=False)
        assert [name for name, form in forms(password).items() if form in text] == []
        assert "-word" not in text.lower()


def gunicorn_lines(told, *arguments: object) -> str:
    """What gunicorn writes for an error that it logs."""
    logger = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["logger_class"](Config())
    # pytest adds one of its own to a logger that does not propagate.
    (handler,) = (one for one in logger.error_log.handlers if hasattr(one, "_gunicorn"))
    written = io.StringIO()
    handler.setStream(written)
    try:
        raise ValueError(arguments[-1])
    except ValueError:
        logger.exception(*arguments)
    logger.error_log.removeHandler(handler)
    return written.getvalue()


def test_gunicorns_error_log_masks_the_key_of_a_link_and_a_password(told, settings):
    password = PASSWORDS[0]
    options = {"username": "user", "password": password}
    settings.MAILERS = {**settings.MAILERS, "smtp": {"BACKEND": "x", "OPTIONS": options}}
    for text in (
        f"/x/?a=1&key=1-abc-{'0' * 8}",
        RESET,
        "amqp://u:pw/x@h",
        *forms(password).values(),
    ):
        line = gunicorn_lines(told, "Error handling request %s", text)
        assert "Error handling request" in json.loads(line)["message"]
        assert not [
            one for one in ("1-abc", "pw/x", "-word", *forms(password).values()) if one in line
        ]


def test_secrets_are_masked_while_the_settings_cannot_be_read(monkeypatch):
    monkeypatch.setenv(
        "MAILER_URL", "failover(smtp://u:canary%2Fword@h postmark://canary-token-1@)"
    )
    monkeypatch.setenv("SECRET_KEY", "canary-key-123")
    monkeypatch.setenv("MAILER_URL_OPS", "sendgrid://SG.canary-token.2")
    monkeypatch.setenv("DATABASE_URL", "postgres://u@h/n?sslpassword=canary-word-3")
    monkeypatch.setenv("WEBHOOK_SECRET", "hook:canary-word-4")
    monkeypatch.setattr(logs, "credentials", lambda _mailers: 1 / 0)
    logs._of_settings.cache_clear()
    told = logs.conceal("u, canary%2Fword, canary/word, canary-key-123, b'canary/word'")
    assert told == "u, …, …, …, b'…'"
    told = logs.conceal("SG.canary-token.2, canary-word-3, canary-word-4")
    assert told == "…, …, …"


SECRET_TEXTS = [
    ("amqp://u:pw/x@h", "pw/x"),
    ("redis://:p@ss@redis.example:6379/0 is away", "p@ss"),
    ("GET /accounts/login/?next=/&key=1-abc-0123", "1-abc-0123"),
    ("/x/?next=%2Faccounts%2Fpassword%2Freset%2Fkey%2F1-abcdefghijklmnopqrstuvwxyz%2F", "abcdefgh"),
    ("/x/?next=%2Fy%2F%3Fkey%3D1-abc-0123%26b%3D1", "1-abc-0123"),
    ("/x/?token=abc.def", "abc.def"),
    ("/x/?reset_key=abc", "=abc"),
    ("POST /x/?access_token=s3&b=1", "=s3"),
    ("send: 'AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=\\r\\n'", "AHVzZXIAcGFzc3dvcmQ"),
    ("Authorization: Basic aG9vazpzM2NyZXQ=", "aG9vazpzM2NyZXQ"),
    ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
    ("Cookie: sessionid=0123abcd; csrftoken=4567efgh", "0123abcd"),
    ("Cookie: sessionid=0123abcd; csrftoken=4567efgh", "4567efgh"),
    ("KeyError: {'password': 'two words', 'user': 'ann'}", "two words"),
    ('the body {\\"api_key\\": \\"s3cr\\"}', "s3cr"),
    ("login failed with password=s3cr3t", "s3cr3t"),
]


@pytest.mark.parametrize(("text", "secret"), SECRET_TEXTS)
def test_what_opens_something_is_masked_wherever_it_comes_from(told, text, secret):
    logger, lines = told
    logger.error("Seen: %s", text)

    (line,) = lines()
    assert secret not in line["message"]
    assert line["message"].startswith("Seen: ")


@pytest.mark.parametrize(
    "text",
    [
        "Delivery 7 to ann@example.com went out by smtp:mail.example.com.",
        "The breaker of postmark opens for 30 seconds; keyword=value",
        'File "/srv/site/mailroom/a_module_with_quite_a_long_name.py", line 7, in send',
        "https://www.example.com/newsletters/weekly/?page=2",
        "WEBHOOK_SECRET must look like user:password, as in the webhook's URL",
        "The password reset of delivery 7 waits: key 'default', passwords: none",
    ],
)
def test_ordinary_lines_stay_as_they_are(told, text):
    logger, lines = told
    logger.info(text)

    assert lines()[0]["message"] == text


def test_the_password_of_a_broker_a_cache_and_a_webhook_is_masked(told, settings):
    settings.TASKS_URL = "amqp://u:bro/ker-word@h"
    settings.CACHES = {"default": {"BACKEND": "x", "LOCATION": "redis://:cache%2Fword@h"}}
    settings.WEBHOOK_SECRETS = ["hook:web-word"]
    settings.METRICS_TOKEN = "metrics-word"
    keys = {"aws_secret_access_key": "ses-word"}
    ses = {"BACKEND": "x", "OPTIONS": {"client_params": keys}}
    settings.MAILERS = {**settings.MAILERS, "ses": ses}
    logger, lines = told
    logger.error("metrics-word ses-word")
    logger.error("bro/ker-word cache%2Fword cache/word web-word aG9vazp3ZWItd29yZA==")

    assert [line["message"] for line in lines()] == ["… …", "… … … … …"]


@pytest.mark.parametrize(("given", "kept"), [("from-the-router-1", True), ("a b", False)])
def test_the_id_of_the_platform_is_kept_where_it_is_one(client, db, given, kept):
    answer = client.get("/accounts/login/", headers={"X-Request-ID": given})

    assert (answer["X-Request-ID"] == given) is kept
    assert len(answer["X-Request-ID"]) >= 8
