"""The providers a mailer URL can name: one line each, and their webhooks in webhooks/."""

from collections.abc import Callable
from typing import Any, NamedTuple

SMTP_TIMEOUT_SECONDS = 10  # Django's own default is to wait for ever
API_TIMEOUT_SECONDS = 10


class SMTPKind(NamedTuple):
    """How an SMTP scheme connects: its usual port and the backend's flags."""

    port: int
    flags: tuple[str, ...]
    backend: str = "mailroom.backends.smtp.EmailBackend"


def _api_options(query: dict[str, Any]) -> dict[str, Any]:
    """`timeout` is the name for every provider; Anymail calls it requests_timeout."""
    timeout = query.pop("timeout", API_TIMEOUT_SECONDS)
    return {**query, "requests_timeout": timeout}


BOTO3_CLIENT = {
    "region_name",
    "endpoint_url",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
}


def _ses_options(query: dict[str, Any]) -> dict[str, Any]:
    """Anymail's own options stay where they are, boto3's go to its client.

    boto3 would wait for 60 seconds, five times. One attempt is deliberate: trying again is the
    outbox's work, which knows what is safe.
    """
    if "api_url" in query:
        query["endpoint_url"] = query.pop("api_url")
    timeout = query.pop("timeout", API_TIMEOUT_SECONDS)
    client = {name: query.pop(name) for name in BOTO3_CLIENT & query.keys()}
    client["config"] = {
        "connect_timeout": timeout,
        "read_timeout": timeout,
        "retries": {"total_max_attempts": 1},
    }
    return {**query, "client_params": client}


class APIKind(NamedTuple):
    """A provider's HTTP API: Anymail's backend, and where the URL's parts go.

    `secrets` are the options that stand before the @, `place` the one that stands behind it.
    """

    backend: str
    secrets: tuple[str, ...]
    example: str
    place: str = ""
    arrange: Callable[[dict[str, Any]], dict[str, Any]] = _api_options


def _anymail(name: str) -> str:
    return f"anymail.backends.{name}.EmailBackend"


SMTP = {
    "smtp": SMTPKind(587, ("use_tls",)),
    "smtps": SMTPKind(465, ("use_ssl",)),
    "smtp+plain": SMTPKind(25, ()),
}

ANYMAIL = {
    "postmark": APIKind(_anymail("postmark"), ("server_token",), "postmark://TOKEN"),
    "mailgun": APIKind(
        _anymail("mailgun"), ("api_key",), "mailgun://KEY@domain", place="sender_domain"
    ),
    "ses": APIKind(
        _anymail("amazon_ses"), (), "ses://?region_name=eu-west-1", arrange=_ses_options
    ),
    "brevo": APIKind(_anymail("brevo"), ("api_key",), "brevo://KEY"),
    "resend": APIKind(_anymail("resend"), ("api_key",), "resend://KEY"),
    "mailersend": APIKind(_anymail("mailersend"), ("api_token",), "mailersend://TOKEN"),
    "mailjet": APIKind(_anymail("mailjet"), ("api_key", "secret_key"), "mailjet://KEY:SECRET"),
    "mailtrap": APIKind(_anymail("mailtrap"), ("api_token",), "mailtrap://TOKEN"),
    "mandrill": APIKind(_anymail("mandrill"), ("api_key",), "mandrill://KEY"),
    "postal": APIKind(_anymail("postal"), ("api_key",), "postal://KEY?api_url=https://…"),
    "scaleway": APIKind(
        _anymail("scaleway"), ("secret_key",), "scaleway://SECRET@project-id", place="project_id"
    ),
    "sendgrid": APIKind(_anymail("sendgrid"), ("api_key",), "sendgrid://KEY"),
    "sparkpost": APIKind(_anymail("sparkpost"), ("api_key",), "sparkpost://KEY"),
    "unisender-go": APIKind(
        _anymail("unisender_go"), ("api_key",), "unisender-go://KEY?api_url=https://…"
    ),
}

BRANDS = {
    **dict.fromkeys(SMTP, "SMTP"),
    "ses": "Amazon SES",
    "mailersend": "MailerSend",
    "sendgrid": "SendGrid",
    "sparkpost": "SparkPost",
}


def brand(scheme: str) -> str:
    """The name of the kind of provider that a scheme stands for, such as `Amazon SES`."""
    return BRANDS.get(scheme) or scheme.title()


DEVELOPMENT = {  # scheme → a backend that delivers to nobody; a project may add its own
    "console": "django.core.mail.backends.console.EmailBackend",
    "file": "django.core.mail.backends.filebased.EmailBackend",
}
