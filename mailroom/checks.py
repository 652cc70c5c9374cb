"""System checks: every alias can be built, every message type is routed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import mailers
from django.db import DatabaseError
from django.template import engines

from mailroom.channels import channels
from mailroom.hosts import loopback_hosts, sandbox_urls
from mailroom.mail_accounts import routing
from mailroom.models import MailAccount
from mailroom.models.mail_account import fernet
from mailroom.tree_checks import (
    no_cycles,
    no_global_keys,
    nothing_for_development,
    senders,
    separate_domains,
    time_outs,
)
from mailroom.webhooks.providers import webhook_faults

Found = list[checks.CheckMessage]


class MailerFault(NamedTuple):
    """An alias of MAILERS that can't be built, and why, without secrets."""

    alias: str
    msg: str


def register() -> None:
    """Register the checks with Django; called when the app is ready."""
    checks.register(every_mailer_builds)
    checks.register(every_type_is_routed)
    checks.register(every_template_has_a_type)
    checks.register(every_webhook_is_verified)
    checks.register(accounts_and_routers)
    for check in (no_cycles, nothing_for_development, no_global_keys, time_outs, senders):
        checks.register(check)
    checks.register(separate_domains, deploy=True)


def mailer_faults() -> list[MailerFault]:
    """Build every alias of MAILERS; the ones that fail. Nothing connects, nothing is sent."""
    return [
        MailerFault(alias, f"The mailer {alias!r} can't be built: {problem}")
        for alias in mailers.settings
        if (problem := _problem(alias))
    ]


def _problem(alias: str) -> str:
    try:
        mailers[alias]
    except Exception as error:  # noqa: BLE001  (any error of any backend's constructor is a fault)
        return _without_secrets(f"{type(error).__name__}: {error}", alias)
    via = mailers.settings[alias].get("OPTIONS", {}).get("via", [])
    missing = [name for name in ([via] if isinstance(via, str) else via) if name not in mailers]
    return f"it names {missing[0]!r}, which MAILERS does not have" if missing else ""


def _without_secrets(text: str, alias: str) -> str:
    for value in mailers.settings[alias].get("OPTIONS", {}).values():
        if isinstance(value, str) and len(value) > 3:
            text = text.replace(value, "***")
    return text


def every_mailer_builds(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E001: Django's own check looks at `default` alone, and builds nothing."""
    hint = "Correct the mailer URL: its query parameters are the backend's options."
    return [
        checks.Error(fault.msg, hint=hint, obj=fault.alias, id="mailroom.E001")
        for fault in mailer_faults()
    ]


def every_type_is_routed(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E002: a type names a channel that MAILERS does not have as an outbox."""
    if _is_under_test():
        return []
    return [
        checks.Error(
            f"The message type {name!r} has the channel {row.channel!r}, which MAILERS lacks.",
            hint="Name one of: " + ", ".join(channels()),
            obj=name,
            id="mailroom.E002",
        )
        for name, row in settings.MESSAGE_TYPES.items()
        if row.channel not in channels()
    ]


def every_template_has_a_type(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E003: an e-mail template without a row; mailroom.E004: a row without a template."""
    templates = set(_email_templates())
    rows = set(settings.MESSAGE_TYPES)
    unrouted = [
        checks.Error(
            f"The e-mail template of {name!r} has no row in MESSAGE_TYPES: it has no channel.",
            obj=name,
            id="mailroom.E003",
        )
        for name in sorted(templates - rows)
    ]
    bare = [
        checks.Error(
            f"The message type {name!r} has no template emails/{name.replace('.', '/', 1)}.html.",
            obj=name,
            id="mailroom.E004",
        )
        for name in sorted(rows - templates)
    ]
    return [*unrouted, *bare]


def every_webhook_is_verified(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E008: a provider reports by webhook, and its posts cannot be verified."""
    hint = "For WEBHOOK_SECRET: user:password, also put into the webhook's URL; docs/feedback.md."
    return [checks.Error(fault, hint=hint, id="mailroom.E008") for fault in webhook_faults()]


def accounts_and_routers(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E009: a setting of mail accounts or routers that can't be used."""
    return [checks.Error(fault, id="mailroom.E009") for fault in account_faults()]


def account_faults() -> list[str]:
    """What is wrong with the settings of mail accounts and of routers."""
    probes: list[Callable[[], object]] = [routing.routers, loopback_hosts, sandbox_urls]
    if settings.MAIL_ACCOUNT_KEYS or _has_accounts():
        probes.append(fernet)
    found = []
    for probe in probes:
        try:
            probe()
        except Exception as error:  # noqa: BLE001  (a router of the project may raise anything)
            name = "" if isinstance(error, ImproperlyConfigured) else "MAILROOM_ROUTERS: "
            found.append(f"{name}{error}")
    return found


def _has_accounts() -> bool:
    """True where a mail account exists. A database that can't say is reported elsewhere."""
    try:
        return MailAccount.objects.exists()
    except (DatabaseError, ImproperlyConfigured):
        return False


def _email_templates() -> Iterator[str]:
    """Types by their templates: emails/<app>/<name>.html is `app.name`; parts begin with `_`."""
    for folder in engines["django"].template_dirs:
        for path in Path(folder, "emails").glob("*/*.html"):
            if not path.name.startswith("_"):
                yield f"{path.parent.name}.{path.stem}"


def _is_under_test() -> bool:
    """The test runner replaces every mailer by one in memory: there are no channels then."""
    return not channels()


def refuse_faulty_configuration() -> None:
    """Exit, listing every fault at once, where the configuration could not deliver mail.

    Gunicorn runs no system checks, so what serves and what sends call this. Raises SystemExit.
    """
    faults = [str(fault) for fault in getattr(settings, "CONFIGURATION_FAULTS", [])]
    faults += [fault.msg for fault in mailer_faults()]
    faults += webhook_faults() + account_faults()
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        raise SystemExit(f"Not started, the configuration has {len(faults)} fault(s):\n{lines}")
