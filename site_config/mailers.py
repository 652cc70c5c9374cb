"""Who carries what: the table of message types, and MAILERS built from the environment.

Three tiers, all of them entries of MAILERS: apps name a *channel*; a channel's outbox names a
*route* (only where there is more than one provider) or a *provider*.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import formataddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env

from mailroom.mailer_tree import MailerTree
from mailroom.mailer_urls import Fault, Tree, parse
from mailroom.provider_urls import MailerUrlError, is_sender
from mailroom.types import MessageType, asked_for, bulk, transactional
from site_config.add_ons import add_on_url

CHANNELS = ("default", "registration", "password_reset", "notifications", "newsletters")

OUTBOX = "mailroom.backends.outbox.EmailBackend"
OPS = "mailroom.backends.ops.EmailBackend"

_hour = timedelta(hours=1)
_day = timedelta(days=1)
_code = timedelta(minutes=3)  # as long as allauth accepts a code

_notice = bulk(
    "notifications",
    personal="notifications.emails.personal_values",
    gate="notifications.mailings.skip_reasons",
)

MESSAGE_TYPES: dict[str, MessageType] = {
    "accounts.confirm_email": asked_for("registration", lasts=3 * _day),
    "accounts.account_already_exists": transactional("registration", lasts=3 * _day),
    "accounts.password_reset": asked_for("password_reset", lasts=3 * _day),
    "accounts.password_reset_code": asked_for("password_reset", lasts=_code),
    "accounts.login_code": asked_for("password_reset", lasts=_code),
    "accounts.unknown_account": transactional("password_reset", lasts=_day),
    "accounts.email_changed": transactional("notifications"),
    "accounts.email_confirmed": transactional("notifications"),
    "accounts.email_deleted": transactional("notifications"),
    "accounts.password_changed": transactional("notifications"),
    "accounts.password_set": transactional("notifications"),
    "accounts.password_was_reset": transactional("notifications"),
    "accounts.totp_activated": transactional("notifications"),
    "accounts.totp_deactivated": transactional("notifications"),
    "accounts.recovery_codes_generated": transactional("notifications"),
    "accounts.webauthn_added": transactional("notifications"),
    "accounts.webauthn_removed": transactional("notifications"),
    "newsletters.confirm_subscription": asked_for("registration", lasts=7 * _day),
    "newsletters.issue": bulk(
        "newsletters",
        headers={"Precedence": "bulk"},
        personal="newsletters.emails.personal_values",
        gate="newsletters.gate.skip_reasons",
    ),
    "notifications.sign_in": transactional(
        "notifications", personal="notifications.emails.personal_values"
    ),
    "notifications.announcement": _notice,
    "notifications.issue_sent": _notice,
    "notifications.issue_stopped": _notice,
    "notifications.digest": bulk(
        "notifications",
        lasts=7 * _day,
        personal="notifications.emails.personal_values",
        gate="notifications.digests.skip_reasons",
    ),
    "site_config.specimen_registration": transactional("registration"),
    "site_config.specimen_password_reset": transactional("password_reset"),
    "site_config.specimen_notifications": transactional("notifications"),
    "site_config.specimen_newsletters": bulk("newsletters"),
    "mailroom.test": transactional("default"),
}


@dataclass
class Mail:
    """What the environment says of mail."""

    mailers: dict[str, dict[str, Any]] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    senders: dict[str, str] = field(default_factory=dict)
    outages: bool = False
    staging: list[str] = field(default_factory=list)
    default_from: str = "webmaster@localhost"
    faults: list[Fault] = field(default_factory=list)


def from_environment(env: Env, *, debug: bool, public_url: str, var_dir: Path) -> Mail:
    """Read the MAIL… variables. What is missing or wrong is collected, never raised."""
    mail = Mail()
    mail.outages = _outages(mail, env, debug)
    tree = MailerTree(outages=mail.outages)
    fallback = env.str("MAILER_URL", "") or add_on_url(env) or ("inbox:" if debug else "")
    mail.staging = _staging(mail, env)
    mail.default_from = _from(mail, env, "MAIL_FROM", _own_address(public_url))
    for channel in CHANNELS:
        via = tree.add(_tree(mail, env, channel, fallback))
        mail.mailers[channel] = {"BACKEND": OUTBOX, "OPTIONS": _options(mail, env, channel, via)}
    via = tree.add(_tree(mail, env, "ops", fallback))
    mail.mailers["ops"] = {"BACKEND": OPS, "OPTIONS": {"via": via}}
    mail.mailers |= tree.mailers
    mail.urls, mail.senders = tree.urls, tree.senders
    if not debug and "inbox" in tree.mailers and not mail.faults:
        mail.faults.append(Fault("MAILER_URL", "names inbox:, which is for development only"))
    return mail


def _staging(mail: Mail, env: Env) -> list[str]:
    found = [one.strip().lower() for one in env.str("STAGING_MAIL", "").split(",") if one.strip()]
    for one in found:
        if not is_sender(one.replace("@", "x@", 1) if one.startswith("@") else one):
            _add(
                mail, Fault("STAGING_MAIL", "must hold addresses, or domains such as @example.com")
            )
    return found


def _outages(mail: Mail, env: Env, debug: bool) -> bool:
    wanted = env.bool("SIMULATE_OUTAGES", False)
    if wanted and not debug:
        _add(mail, Fault("SIMULATE_OUTAGES", "makes mailers fail: it is for development only"))
    return debug and bool(wanted)


def _tree(mail: Mail, env: Env, channel: str, fallback: str) -> Tree | None:
    own = f"MAILER_URL_{channel.upper()}"
    url = env.str(own, "") if channel != "default" else ""
    variable = own if url else "MAILER_URL"
    if not (url or fallback):
        _add(mail, Fault("MAILER_URL", "is missing: for instance smtp://user:password@host"))
        return None
    try:
        return parse(url or fallback)
    except MailerUrlError as error:
        _add(mail, Fault(variable, str(error)))
        return None


def _options(mail: Mail, env: Env, channel: str, via: str) -> dict[str, Any]:
    suffix = channel.upper()
    return {
        "via": via,
        "from_email": _from(mail, env, f"MAIL_FROM_{suffix}", mail.default_from),
        "reply_to": _from(mail, env, f"MAIL_REPLY_TO_{suffix}", env.str("MAIL_REPLY_TO", "")),
        "rate": _rate(mail, env, f"MAIL_RATE_{suffix}"),
    }


def _from(mail: Mail, env: Env, variable: str, fallback: str) -> str:
    """An address as `Name <address>`; a faulty one is reported and replaced by the fallback."""
    text = env.str(variable, "").strip()
    if not text:
        return fallback
    if not is_sender(text):
        _add(mail, Fault(variable, "must be an address such as Mailroom <mail@example.com>"))
        return fallback
    return text


def _rate(mail: Mail, env: Env, variable: str) -> float | None:
    """Messages per second over all processes together; None for no limit."""
    text = env.str(variable, "")
    try:
        rate = float(text) if text else None
    except ValueError:
        rate = 0
    if rate is not None and not 0 < rate < float("inf"):
        _add(mail, Fault(variable, "must be a number of messages per second above 0"))
        return None
    return rate


def _own_address(public_url: str) -> str:
    host = urlsplit(public_url).hostname or "localhost"
    domain = (
        host if "." in host and not host.replace(".", "").isdigit() else "localhost.localdomain"
    )
    return formataddr(("Mailroom", f"mailroom@{domain.removeprefix('www.')}"))


def _add(mail: Mail, fault: Fault) -> None:
    if fault not in mail.faults:
        mail.faults.append(fault)
