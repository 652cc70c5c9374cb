"""The table of message types, and the values of MAILERS that come from the environment.

Three tiers, all of them entries of MAILERS: apps name a *channel*; a channel's outbox names a
*route* (only where there is more than one provider) or a *provider*.
"""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import formataddr
from typing import Any

from environs import Env

from mailroom.addresses import address_key, for_wire
from mailroom.config.mailers import MailerTree
from mailroom.config.schemes import DEVELOPMENT
from mailroom.config.urls import MailerUrlError, VariableFault, parse
from mailroom.message_types import MessageType, asked_for, bulk, transactional
from mailroom.providers import register
from site_config.environment import EXAMPLE, is_mailbox

DEVELOPMENT["inbox"] = "sandbox.inbox.EmailBackend"  # inbox: shows every email at /inbox/

_hour = timedelta(hours=1)
_day = timedelta(days=1)
_code = timedelta(minutes=3)  # as long as allauth accepts a code

_notice = bulk(
    "notifications",
    personal="notifications.emails.personal_values",
    gate="notifications.notify.skip_reasons",
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
    "newsletters.already_subscribed": asked_for("registration", lasts=7 * _day),
    "newsletters.data_link": asked_for("registration", lasts=_hour),
    "newsletters.issue": bulk(
        "newsletters",
        headers={"Precedence": "bulk"},
        personal="newsletters.emails.personal_values",
        gate="newsletters.sending.skip.skip_reasons",
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
    "home.sample_registration": transactional("registration"),
    "home.sample_password_reset": transactional("password_reset"),
    "home.sample_notifications": transactional("notifications"),
    "home.sample_newsletters": bulk("newsletters"),
    "mailroom.test": transactional("default"),
}


SMTP_OPTIONS = {
    *("host", "port", "username", "password", "use_tls", "use_ssl", "timeout", "connections"),
    *("ssl_keyfile", "ssl_certfile"),
}


class MailVariables:
    """Reads the MAIL… variables for the settings. What is missing or wrong goes to `faults`.

    Nothing raises: a platform builds without any variable. An empty variable counts as missing.
    """

    def __init__(self, env: Env, *, debug: bool, own_providers: Mapping[str, str]) -> None:
        self.env = env
        self.debug = debug
        self.faults: list[VariableFault] = []
        for problem in register(own_providers):
            self._add("MAILROOM_PROVIDERS", problem)
        self.tree: MailerTree = MailerTree()
        self._checked: set[str] = set()

    def url(self, variable: str, fallback: str = "") -> str:
        """A mailer URL."""
        own = self.env.str(variable, "")
        text = own or fallback
        if own or text not in self._checked:
            self._check(variable, text)
        return text

    def address(self, variable: str, fallback: str = "") -> str:
        """An address as `Name <address>`; the fallback where it is missing or wrong."""
        text = self.env.str(variable, "").strip()
        if not text:
            return fallback
        if not is_mailbox(text):
            self._add(variable, "must be an address such as Mailroom <mail@example.com>")
            return fallback
        return for_wire(text)

    def rate(self, variable: str) -> float | None:
        """Messages per second over all processes together; None for no limit."""
        text = self.env.str(variable, "")
        try:
            rate = float(text) if text else None
        except ValueError:
            rate = 0
        if rate is not None and not 0 < rate < float("inf"):
            self._add(variable, "must be a number of messages per second above 0")
            return None
        return rate

    def daily_cap(self, variable: str) -> int | None:
        """Messages a day over all processes together, or MAIL_DAILY_CAP; None for no limit."""
        for name in (variable, "MAIL_DAILY_CAP"):
            text = self.env.str(name, "").strip()
            if text.isascii() and text.isdecimal() and 0 < int(text) < 2**31:
                return int(text)
            if text:
                self._add(name, "must be a whole number of messages a day above 0")
                return None
        return None

    def addresses(self, variable: str) -> list[str]:
        """The keys of addresses, and of domains as @example.com."""
        parts = [one.strip() for one in self.env.str(variable, "").split(",")]
        found = [one for one in parts if one]
        is_empty = self.env.str(variable, "").strip() and not found
        if is_empty or not all(
            is_mailbox(f"x{one}" if one.startswith("@") else one) for one in found
        ):
            self._add(variable, "must hold addresses, or domains such as @example.com")
            return []
        return [address_key(f"x{one}")[1:] if one[0] == "@" else address_key(one) for one in found]

    def providers(self, mailers: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The entries to add to MAILERS: the providers and routes that the URLs in `via` name.

        The given entries come back too, with the alias of their provider or route in `via`.
        """
        named = {alias: self._named(entry) for alias, entry in mailers.items()}
        return {**named, **self.tree.mailers}

    def _named(self, entry: dict[str, Any]) -> dict[str, Any]:
        try:
            parsed = parse(entry["OPTIONS"]["via"])
        except MailerUrlError:  # url() has reported it
            parsed = None
        return {**entry, "OPTIONS": {**entry["OPTIONS"], "via": self.tree.add(parsed)}}

    def _check(self, variable: str, text: str) -> None:
        self._checked.add(text)
        if not text:
            self._add(variable, "is missing: for instance smtp://user:password@host")
            return
        tree = MailerTree()
        try:
            tree.add(parse(text))
        except MailerUrlError as error:
            self._add(variable, str(error))
        for alias, entry in tree.mailers.items():
            unknown = sorted(entry.get("OPTIONS", {}).keys() - SMTP_OPTIONS)
            if unknown and alias.startswith("smtp:"):
                self._add(variable, f"has the option {unknown[0]}, unknown to {alias}")
        if not self.debug and EXAMPLE.search(text):
            self._add(variable, "still has the key or password of the example")
        if "inbox" in tree.mailers and not self.debug:
            self._add(variable, "names inbox:, which is for development only")

    def _add(self, variable: str, problem: str) -> None:
        fault = VariableFault(variable, problem)
        if fault not in self.faults:
            self.faults.append(fault)


def default_from(host: str | None) -> str:
    """The From of a site that names none: mailroom@ its own host."""
    host = host or "localhost"
    domain = (
        host if "." in host and not host.replace(".", "").isdigit() else "localhost.localdomain"
    )
    return formataddr(("Mailroom", f"mailroom@{domain.removeprefix('www.')}"))
