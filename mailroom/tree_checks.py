"""System checks of the tree of mailers: what would build, and still not deliver as it should."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.mail import mailers

from mailroom.addresses import address_key
from mailroom.channels import channel_options, channels, children, providers
from mailroom.provider_urls import SECRET_OPTION
from mailroom.providers import DEVELOPMENT

Found = list[checks.CheckMessage]

NOWHERE = {
    "django.core.mail.backends.dummy.EmailBackend",
    "django.core.mail.backends.locmem.EmailBackend",
}
SMTP = {"django.core.mail.backends.smtp.EmailBackend", "mailroom.backends.smtp.EmailBackend"}


def no_cycles(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E005: a route that leads back to itself would hand mail on for ever."""
    return [
        checks.Error(f"The mailer {alias!r} leads back to itself.", obj=alias, id="mailroom.E005")
        for alias in mailers.settings
        if _leads_to(alias, alias)
    ]


def nothing_for_development(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E006: a mailer that delivers nothing, anywhere below a channel, in production."""
    if settings.DEBUG:
        return []
    return [
        checks.Error(
            f"The channel {channel!r} may go by {alias!r}, which delivers nothing.",
            hint="Give it a mailer URL that delivers, such as smtp://… or postmark://…",
            obj=channel,
            id="mailroom.E006",
        )
        for channel, alias in _ends()
        if mailers.settings.get(alias, {}).get("BACKEND") in {*DEVELOPMENT.values(), *NOWHERE}
    ]


def no_global_keys(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E007: a key in ANYMAIL is used by every mailer that lacks one: the wrong account."""
    return [
        checks.Error(
            f"ANYMAIL has {name!r}, which a mailer without a key of its own would fall back to.",
            hint="Put it into that provider's mailer URL.",
            obj=name,
            id="mailroom.E007",
        )
        for name in getattr(settings, "ANYMAIL", {})
        if SECRET_OPTION.search(name) and "WEBHOOK" not in name
    ]


def time_outs(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.W001: an SMTP mailer without a time-out waits for ever."""
    return [
        checks.Warning(
            f"The mailer {alias!r} has no time-out.",
            hint="Django's default is to wait for ever: give it a 'timeout' in seconds.",
            obj=alias,
            id="mailroom.W001",
        )
        for alias, entry in mailers.settings.items()
        if entry.get("BACKEND") in SMTP and not entry.get("OPTIONS", {}).get("timeout")
    ]


def senders(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.W002: a provider that sends for one domain alone would get another's From."""
    found: Found = []
    for channel, alias in _ends():
        allowed = mailers.settings.get(alias, {}).get("OPTIONS", {}).get("sender_domain", "")
        used = _domain(_sender(channel, alias))
        if allowed and used != allowed and not _is_below(used, allowed):
            text = f"{alias!r} sends for {allowed}, but {channel!r} would send from {used}."
            hint = "Change MAIL_FROM, or add ?from=… to the mailer URL."
            found.append(checks.Warning(text, hint=hint, obj=channel, id="mailroom.W002"))
    return found


def separate_domains(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.W003: complaints about bulk mail hurt transactional mail from the same domain."""
    awaited = {row.channel for row in settings.MESSAGE_TYPES.values() if not row.bulk}
    domains = {channel: _domain(channel_options(channel).from_email) for channel in channels()}
    transactional = {domain for channel, domain in domains.items() if channel in awaited}
    bulk = {domain for channel, domain in domains.items() if channel not in awaited}
    return [
        checks.Warning(
            f"Bulk and transactional mail are both sent from {domain}.",
            hint="Send newsletters from a domain of their own, such as news." + domain,
            obj=domain,
            id="mailroom.W003",
        )
        for domain in sorted(bulk & transactional)
    ]


def _leads_to(alias: str, target: str) -> bool:
    seen: set[str] = set()
    waiting = list(children(alias))
    while waiting:
        current = waiting.pop()
        if current == target:
            return True
        if current not in seen:
            seen.add(current)
            waiting += children(current)
    return False


def _ends() -> Iterator[tuple[str, str]]:
    """Each channel with each provider that it may end at."""
    for channel in channels():
        for alias in providers(channel):
            yield channel, alias


def _sender(channel: str, alias: str) -> str:
    own: str = settings.MAILER_SENDERS.get(alias, "")
    return own or channel_options(channel).from_email


def _domain(sender: str) -> str:
    return address_key(sender).rpartition("@")[2]


def _is_below(domain: str, parent: str) -> bool:
    return domain.endswith("." + parent)
