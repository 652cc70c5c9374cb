"""System checks: every alias can be built, every message type is routed."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import mailers
from django.db import DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.template import TemplateDoesNotExist, engines
from django.template.backends.django import DjangoTemplates
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse

from mailroom.addresses import domain_of
from mailroom.conf import is_installed, needs
from mailroom.config.channels import channel_options, channels, children, providers_of
from mailroom.config.hosts import loopback_hosts, sandbox_urls
from mailroom.config.schemes import DEVELOPMENT
from mailroom.masking import SECRET_NAME, hide
from mailroom.message_types import OWN, template_name
from mailroom.models import MailAccount
from mailroom.models.mail_account import fernet
from mailroom.outbox import routing
from mailroom.providers import register as register_providers
from mailroom.webhooks.providers import webhook_faults
from mailroom.worker.readiness import too_old

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
    checks.register(bounces_can_be_read)
    checks.register(providers_exist)
    checks.register(tasks_can_be_run)
    checks.register(set_up_is_whole)
    checks.register(database_can_be_upgraded, checks.Tags.database)
    for check in (no_cycles, nothing_for_development, no_global_keys, time_outs, senders):
        checks.register(check)
    checks.register(separate_domains, deploy=True)
    checks.register(sqlite_waits, deploy=True)


def mailer_faults() -> list[MailerFault]:
    """Build every alias of MAILERS; the ones that fail. Nothing connects, nothing is sent."""
    return [
        MailerFault(alias, problem)
        if problem.startswith("MAILERS")
        else MailerFault(alias, f"The mailer {alias!r} can't be built: {problem}")
        for alias in mailers.settings
        if (problem := _problem(alias))
    ]


# What a backend needs beyond the library's core: the beginning of its path, a module, the extra.
EXTRA_OF_BACKEND = (
    ("anymail.", "anymail", "anymail"),
    ("anymail.backends.amazon_ses.", "boto3", "ses"),
    ("mailroom.backends.anymail_pool", "requests", "anymail"),
)


def _problem(alias: str) -> str:
    entry = mailers.settings[alias]
    path, options = entry.get("BACKEND", ""), entry.get("OPTIONS", {})
    if options.get("problem"):  # of an URL
        return str(options["problem"])
    for start, module, extra in EXTRA_OF_BACKEND:
        if path.startswith(start) and not is_installed(module):
            return f"{needs(path.split('.')[-2], extra)}."
    try:
        mailers[alias]
    except Exception as error:  # noqa: BLE001  (any error of any backend's constructor is a fault)
        return _without_secrets(f"{type(error).__name__}: {error}", alias)
    via = options.get("via", [])
    missing = [name for name in ([via] if isinstance(via, str) else via) if name not in mailers]
    return f"it names {missing[0]!r}, which MAILERS does not have" if missing else ""


def _without_secrets(text: str, alias: str) -> str:
    text = hide(text)
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
    """mailroom.W004: an email template without a row; mailroom.W005: a row without a template.

    Warnings: a project may have templates in emails/ that are sent in another way.
    """
    templates = set(_email_templates())
    rows = {*settings.MESSAGE_TYPES} - OWN.keys()
    unrouted = [
        checks.Warning(
            f"The email template of {name!r} has no row in MESSAGE_TYPES: it has no channel.",
            hint="Add a row, or begin the name of a file that is only included with _.",
            obj=name,
            id="mailroom.W004",
        )
        for name in sorted(templates - rows)
    ]
    bare = [
        checks.Warning(
            f"The message type {name!r} has no template {template_name(name)}.",
            obj=name,
            id="mailroom.W005",
        )
        for name in sorted(rows - templates)
        if not _has_template(name)
    ]
    return [*unrouted, *bare]


def _has_template(name: str) -> bool:
    """Whether a loader of the project's own knows the template of a type."""
    try:
        get_template(template_name(name))
    except TemplateDoesNotExist:
        return False
    return True


def every_webhook_is_verified(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.W006: a provider reports by webhook, and its posts cannot be verified.

    A warning: email is sent all the same, and the webhook refuses every post.
    """
    hint = "For WEBHOOK_SECRET: user:password, also put into the webhook's URL; docs/feedback.md."
    return [checks.Warning(fault, hint=hint, id="mailroom.W006") for fault in webhook_faults()]


def tasks_can_be_run(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.I001: tasks run inside requests. The outbox needs none."""
    backend = settings.TASKS.get("default", {}).get("BACKEND", "")
    if not backend.startswith("django.tasks.backends.immediate."):
        return []
    text = "TASKS is not set: tasks run inside the request that queues them."
    hint = "Email needs none. For other tasks, manage.py worker runs those of django-ox and Celery."
    return [checks.Info(text, hint=hint, id="mailroom.I001")]


def set_up_is_whole(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.I002: no PUBLIC_URL; mailroom.W007: email does not go through the outbox."""
    found: Found = []
    if not settings.PUBLIC_URL:
        text = "PUBLIC_URL is not set: email from templates has no links to this site."
        hint = 'For instance PUBLIC_URL = "https://www.example.com".'
        found.append(checks.Info(text, hint=hint, id="mailroom.I002"))
    backends = {entry.get("BACKEND") for entry in mailers.settings.values()}
    if not channels() and backends != {"django.core.mail.backends.locmem.EmailBackend"}:
        text = "No entry of MAILERS is a channel: email does not go through the outbox."
        hint = 'For instance MAILERS = mailroom.mailers("smtp://user:password@host").'
        found.append(checks.Warning(text, hint=hint, id="mailroom.W007"))
    return found


def bounces_can_be_read(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E010: bounces are to be read, and a package of the extra `bounces` is missing."""
    wanted = {
        "flufl.bounce": settings.MAIL_BOUNCE_ADDRESS or settings.MAIL_BOUNCE_URL,
        "imap_tools": settings.MAIL_BOUNCE_URL or settings.MAIL_UNSUBSCRIBE_URL,
    }
    missing = [name for name, is_wanted in wanted.items() if is_wanted and not is_installed(name)]
    text = needs("Reading bounces", "bounces")
    return [checks.Error(f"{text} ({one}).", id="mailroom.E010") for one in missing]


def providers_exist(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E012: an entry of MAILROOM_PROVIDERS that can't be used."""
    return [checks.Error(fault, id="mailroom.E012") for fault in provider_faults()]


def provider_faults() -> list[str]:
    """What is wrong with MAILROOM_PROVIDERS, a sentence each."""
    return [
        f"MAILROOM_PROVIDERS: {fault}." for fault in register_providers(settings.MAILROOM_PROVIDERS)
    ]


def database_can_be_upgraded(
    app_configs: object, databases: Sequence[str] | None = None, **kwargs: Any
) -> Found:
    """mailroom.E013: an earlier commit has to upgrade the database first.

    Run before `migrate`, and by `check --database default`.
    """
    faults = [too_old(MigrationLoader(connections[alias])) for alias in databases or ()]
    return [checks.Error(f"{fault}.", id="mailroom.E013") for fault in faults if fault]


def accounts_and_routers(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.E009: a setting of mail accounts or routers that can't be used."""
    return [checks.Error(fault, id="mailroom.E009") for fault in account_faults()]


def account_faults(*, asks_database: bool = False) -> list[str]:
    """What is wrong with the settings of mail accounts and of routers.

    asks_database: whether there is an account, which needs a key. A build has no database.
    """
    probes: list[Callable[[], object]] = [routing.routers, loopback_hosts, sandbox_urls]
    if settings.MAIL_ACCOUNT_KEYS or (asks_database and _has_accounts()):
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
    finally:
        if not connection.in_atomic_block:
            # A server that forks afterwards must share neither a connection nor a pool of them.
            connection.close()
            if hasattr(connection, "close_pool"):
                connection.close_pool()


def _email_templates() -> Iterator[str]:
    """Types by their templates: emails/<app>/<name>.html is `app.name`; parts begin with `_`."""
    folders = [
        folder
        for engine in engines.all()
        if isinstance(engine, DjangoTemplates)
        for folder in engine.template_dirs
    ]
    for folder in folders:
        for path in Path(folder, "emails").glob("*/*.html"):
            if not path.name.startswith("_"):
                yield f"{path.parent.name}.{path.stem}"


def _is_under_test() -> bool:
    """The test runner replaces every mailer by one in memory: there are no channels then."""
    return not channels()


def configuration_faults() -> list[str]:
    """Everything in the configuration that could not deliver email, a line each."""
    wrong = [str(fault) for fault in getattr(settings, "CONFIGURATION_FAULTS", [])]
    # A mailer whose URL is reported by its variable needs no second line.
    unbuilt = [
        fault.msg for fault in mailer_faults() if not any(fault.alias in line for line in wrong)
    ]
    named = {fault.split()[0].rstrip(":") for fault in wrong}
    reports = webhook_faults() if _has_webhook() else []
    others = [*provider_faults(), *reports, *account_faults(asks_database=True)]
    return [
        *wrong,
        *unbuilt,
        *(line for line in others if line.split()[0].rstrip(":") not in named),
    ]


def _has_webhook() -> bool:
    """True where the project includes mailroom.urls: without it, nobody can post anything."""
    try:
        reverse("mail_webhook", args=["postmark"])
    except NoReverseMatch:
        return False
    return True


def refuse_faulty_configuration() -> None:
    """Exit, listing every fault at once, where the configuration could not deliver email.

    Gunicorn runs no system checks, so what serves and what sends call this. Raises SystemExit.
    """
    if faults := configuration_faults():
        lines = "\n".join(f"  - {fault}" for fault in faults)
        raise SystemExit(f"Not started, the configuration has {len(faults)} fault(s):\n{lines}")


# -- MAILERS -----------------------------------------------------------------------------------


UNSENT_BACKENDS = {
    "django.core.mail.backends.dummy.EmailBackend",
    "django.core.mail.backends.locmem.EmailBackend",
}
SMTP_BACKENDS = {
    "django.core.mail.backends.smtp.EmailBackend",
    "mailroom.backends.smtp.EmailBackend",
}


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
        if mailers.settings.get(alias, {}).get("BACKEND")
        in {*DEVELOPMENT.values(), *UNSENT_BACKENDS}
    ]


def no_global_keys(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.W008: a key in ANYMAIL is used by every mailer that lacks one: the wrong account."""
    return [
        checks.Warning(
            f"ANYMAIL has {name!r}, which a mailer without a key of its own would fall back to.",
            hint="Put it into that provider's mailer URL.",
            obj=name,
            id="mailroom.W008",
        )
        for name in getattr(settings, "ANYMAIL", {})
        if SECRET_NAME.search(name) and "WEBHOOK" not in name
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
        if entry.get("BACKEND") in SMTP_BACKENDS and not entry.get("OPTIONS", {}).get("timeout")
    ]


def senders(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.W002: a provider that sends for one domain alone would get another's From."""
    found: Found = []
    for channel, alias in _ends():
        allowed = mailers.settings.get(alias, {}).get("OPTIONS", {}).get("sender_domain", "")
        used = domain_of(_sender(channel, alias))
        if allowed and used != allowed and not _is_below(used, allowed):
            text = f"{alias!r} sends for {allowed}, but {channel!r} would send from {used}."
            hint = "Change MAIL_FROM, or add ?from=… to the mailer URL."
            found.append(checks.Warning(text, hint=hint, obj=channel, id="mailroom.W002"))
    return found


def separate_domains(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.W003: complaints about bulk mail hurt transactional mail from the same domain."""
    awaited = {row.channel for row in settings.MESSAGE_TYPES.values() if not row.bulk}
    domains = {channel: domain_of(channel_options(channel).from_email) for channel in channels()}
    transactional = {domain for channel, domain in domains.items() if channel in awaited}
    bulk = {domain for channel, domain in domains.items() if channel not in awaited}
    return [
        checks.Warning(
            f"Bulk and transactional email are both sent from {domain}.",
            hint="Send newsletters from a domain of their own, such as news." + domain,
            obj=domain,
            id="mailroom.W003",
        )
        for domain in sorted(bulk & transactional)
    ]


def sqlite_waits(app_configs: object, **kwargs: Any) -> Found:
    """mailroom.W009: a transaction that reads before it writes fails beside another writer."""
    options = connection.settings_dict.get("OPTIONS", {})
    mode = str(options.get("transaction_mode") or "")
    if connection.vendor != "sqlite" or mode.upper() in {"IMMEDIATE", "EXCLUSIVE"}:
        return []
    text = "SQLite's transactions begin without the lock: beside a worker, requests will fail."
    hint = "Add 'OPTIONS': {'transaction_mode': 'IMMEDIATE', 'timeout': 20} to DATABASES."
    return [checks.Warning(text, hint=hint, id="mailroom.W009")]


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
        for alias in providers_of(channel):
            yield channel, alias


def _sender(channel: str, alias: str) -> str:
    own: str = settings.MAILER_SENDERS.get(alias, "")
    return own or channel_options(channel).from_email


def _is_below(domain: str, parent: str) -> bool:
    return domain.endswith("." + parent)
