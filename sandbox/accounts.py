"""The providers on this machine, of MAILERS and of mail accounts: the sandbox plays each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import mailers

from mailroom.config.hosts import sandbox_urls

BACKENDS = {
    "mailroom.backends.smtp.EmailBackend": "smtp",
    "anymail.backends.postmark.EmailBackend": "postmark",
    "anymail.backends.mailgun.EmailBackend": "mailgun",
}
PROVIDER_NAMES = {"smtp": "SMTP", "postmark": "Postmark", "mailgun": "Mailgun"}
KEY_OPTION = {"smtp": "password", "postmark": "server_token", "mailgun": "api_key"}


@dataclass(frozen=True)
class Account:
    """An account at a provider.

    alias: the provider's in MAILERS. kind: a key of KINDS. key: what a client must present, "" for
    nothing. domain: Mailgun's sending domain. webhook_url: where events are posted, "" for nowhere;
    webhook_key: what signs them (Mailgun), or the user and password of the URL (Postmark).
    """

    alias: str
    kind: str
    port: int
    key: str = ""
    domain: str = ""
    webhook_url: str = ""
    webhook_key: str = ""

    @property
    def title(self) -> str:
        return PROVIDER_NAMES[self.kind]


def accounts() -> list[Account]:
    """One for each provider that is at 127.0.0.1: those in MAILERS, then those of mail accounts."""
    # The bench uses this module in processes without models.
    from mailroom.models import MailAccount  # noqa: PLC0415

    entries = ((alias, mailers.settings[alias]) for alias in settings.MAILER_URLS)
    found = [
        _account(alias, BACKENDS.get(entry["BACKEND"]), entry.get("OPTIONS", {}))
        for alias, entry in entries
    ]
    ports = {one.port for one in found if one and one.kind == "smtp"}
    for one in MailAccount.objects.order_by("pk"):
        options = {**one.options, **_secrets(one)}
        if url := sandbox_urls().get(one.kind):
            options["api_url"] = url
        account = _account(one.alias, one.kind, options)
        # A server that MAILERS names is played already, whoever connects to it.
        if account and not (account.kind == "smtp" and account.port in ports):
            found.append(account)
    return [account for account in found if account]


def _secrets(account: Any) -> dict[str, Any]:
    """An account's credentials; none where the keys can't open them."""
    try:
        return account.secrets()
    except ImproperlyConfigured:
        return {}


def _account(alias: str, kind: str | None, options: Mapping[str, Any]) -> Account | None:
    if kind not in PROVIDER_NAMES:
        return None
    if kind == "smtp":
        host, port = options.get("host"), options.get("port")
        if options.get("use_tls") or options.get("use_ssl"):
            return None
    else:
        parts = urlsplit(options.get("api_url", ""))
        host, port = parts.hostname, parts.port
    if host != "127.0.0.1" or not port or options.get("security", "none") != "none":
        return None
    url, key = _webhook(kind)
    return Account(
        alias=alias,
        kind=kind,
        port=port,
        key=options.get(KEY_OPTION[kind]) or "",
        domain=options.get("sender_domain") or "",
        webhook_url=url,
        webhook_key=key,
    )


def _webhook(kind: str) -> tuple[str, str]:
    """Where a provider posts its events, and with what key; "" where the site has none for it."""
    keys = {"postmark": settings.WEBHOOK_SECRETS, "mailgun": settings.WEBHOOK_KEYS.get("mailgun")}
    if not (usable := keys.get(kind)):
        return "", ""
    return f"{settings.PUBLIC_URL}/mail/webhooks/{kind}/tracking/", usable[0]
