"""A provider that is kept in the database: of a newsletter, a tenant, a customer."""

import json
import re
from collections.abc import Iterable
from email.utils import parseaddr
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from mailroom.addresses import address_key, for_wire, is_address
from mailroom.conf import is_installed
from mailroom.config import hosts
from mailroom.config.channels import ACCOUNT, is_account
from mailroom.config.schemes import ANYMAIL, brand
from mailroom.models.delivery import Delivery

KEYS_SETTING = "MAIL_ACCOUNT_KEYS"
NO_HOST_OF_ITS_OWN = {"postal", "unisender-go"}  # kinds whose API's host the customer chooses


class Setting(NamedTuple):
    """Something that a kind of account needs. pattern: what a value must match as a whole."""

    name: str
    label: Any
    is_secret: bool = False
    is_required: bool = True
    pattern: str = ""
    choices: tuple[tuple[str, Any], ...] = ()

    def problem(self, value: str) -> str:
        """Why this can't be a value of it, in a sentence; "" where it can."""
        if not value:
            return self.missing() if self.is_required else ""
        is_known = not self.choices or value in dict(self.choices)
        if is_known and (not self.pattern or re.fullmatch(self.pattern, value)):
            return ""
        return capfirst(gettext("%s is not valid.") % self.label)

    def missing(self) -> str:
        return capfirst(gettext("%s is missing.") % self.label)


VISIBLE_ASCII = r"[!-~]+"  # what a header or URL can hold
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
DOMAIN = rf"(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})+"
ASCII = r"[ -~]+"  # all that smtplib can sign in with
SECURITY = (
    ("starttls", _("STARTTLS, usually at port 587")),
    ("tls", _("TLS, usually at port 465")),
)
NO_TLS = ("none", _("No encryption (this machine only)"))
REGIONS = {  # where a provider's customers have another API, by the region's name
    "mailgun": {"eu": "https://api.eu.mailgun.net/v3"},
    "sparkpost": {"eu": "https://api.eu.sparkpost.com/api/v1"},
}
LABELS = {
    "api_key": _("API key"),
    "api_token": _("API token"),
    "server_token": _("server token"),
    "secret_key": _("secret key"),
    "sender_domain": _("sending domain"),
    "project_id": _("project ID"),
}


def _label(name: str) -> Any:
    return LABELS.get(name, name.replace("_", " "))


def _api_settings(name: str) -> tuple[Setting, ...]:
    if name == "ses":
        return (
            Setting("region_name", _("region"), pattern=r"[a-z]{2}(?:-[a-z]+){1,3}-\d"),
            Setting("aws_access_key_id", _("access key ID"), pattern=r"\w+"),
            Setting("aws_secret_access_key", _("secret access key"), True, pattern=VISIBLE_ASCII),
        )
    kind = ANYMAIL[name]
    found = [Setting(kind.place, _label(kind.place), pattern=DOMAIN)] if kind.place else []
    if name in REGIONS:
        regions = (("", pgettext_lazy("region of a provider", "US")), ("eu", _("EU")))
        found.append(Setting("region", _("region"), is_required=False, choices=regions))
    return (
        *found,
        *(Setting(one, _label(one), True, pattern=VISIBLE_ASCII) for one in kind.secrets),
    )


ACCOUNT_KINDS: dict[str, tuple[Setting, ...]] = {
    "smtp": (
        Setting("host", _("host")),
        Setting("port", _("port"), pattern=r"\d{1,5}"),
        Setting("security", _("encryption"), choices=(*SECURITY, NO_TLS)),
        Setting("username", _("user name"), is_required=False, pattern=ASCII),
        Setting("password", _("password"), True, is_required=False, pattern=ASCII),
    ),
    **{name: _api_settings(name) for name in ANYMAIL if name not in NO_HOST_OF_ITS_OWN},
}


def kind_choices() -> list[tuple[str, str]]:
    """The kinds of account with their names; those of APIs need the extra `anymail`."""
    has_apis = is_installed("anymail")
    return [(name, brand(name)) for name in ACCOUNT_KINDS if has_apis or name not in ANYMAIL]


class Secret(str):
    """A text that shows itself as ***, in tracebacks too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class MailAccountQuerySet(models.QuerySet["MailAccount"]):
    """Named questions about mail accounts."""

    def active(self) -> "MailAccountQuerySet":
        return self.filter(active=True)

    def by_alias(self, alias: str) -> "MailAccount | None":
        """The account that an alias stands for; None for other aliases, and where it is gone."""
        number = alias.removeprefix(ACCOUNT).partition(" ")[0]
        is_known = is_account(alias) and number.isdecimal()
        return self.filter(pk=number).first() if is_known else None

    def label(self, alias: str) -> str:
        """The name of the account that an alias stands for; the alias where it is no account's.

        In one line: it goes into the subject of an alert.
        """
        account = self.by_alias(alias)
        return " ".join(account.name.split()) if account else alias


class MailAccount(models.Model):
    """An account at a provider, by which messages can be sent instead of by their channel's mailer.

    options: what is no secret of the settings of its kind; the others are in `encrypted`. channels:
    those that it may be used for, none for all. Its alias, `account:<id>`, is the route of the
    deliveries that go by it, and the name of its breaker.
    """

    class WhenDown(models.TextChoices):
        WAIT = "wait", _("wait until it works again")
        CHANNEL = "channel", _("send by the channel's own provider, from the channel's own address")

    name = models.CharField(_("name"), max_length=100, unique=True)
    owner = models.CharField(
        _("owner"),
        max_length=100,
        blank=True,
        db_index=True,
        help_text=_("A label of your choice, such as a tenant's name: routers can choose by it."),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=kind_choices)
    options = models.JSONField(default=dict, blank=True)
    encrypted = models.TextField(blank=True, editable=False)
    from_email = models.CharField(
        _("from"), max_length=320, help_text=_("A name and an address, or an address alone.")
    )
    reply_to = models.CharField(_("reply to"), max_length=320, blank=True)
    channels = models.JSONField(_("channels"), default=list, blank=True)
    rate = models.FloatField(
        _("emails per second"), null=True, blank=True, validators=[MinValueValidator(0.001)]
    )
    daily_cap = models.PositiveIntegerField(
        _("emails per day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    when_down = models.CharField(
        _("if it is down"), max_length=10, choices=WhenDown, default=WhenDown.WAIT
    )
    active = models.BooleanField(_("active"), default=True)
    version = models.PositiveIntegerField(default=0, editable=False)  # changed by each save
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now, editable=False)

    objects = MailAccountQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = _("mail account")
        verbose_name_plural = _("mail accounts")
        permissions = [("test_mailaccount", _("Can send a test email by a mail account"))]

    def __str__(self) -> str:
        return self.name

    was_active = True  # as it is stored

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> "MailAccount":
        found = super().from_db(*args, **kwargs)
        found.was_active = found.__dict__.get("active", True)
        return found

    @property
    def alias(self) -> str:
        return f"{ACCOUNT}{self.pk}"

    @property
    def address(self) -> str:
        """Who and where it is, without secrets: `smtp://mail.example.com:587`."""
        place = self.options.get("host") or self.options.get("sender_domain") or ""
        port = f":{self.options['port']}" if self.options.get("port") else ""
        return f"{self.kind}://{place}{port}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; whoever has the account open opens it again."""
        self.version = (self.version or 0) + 1
        self.changed_at = timezone.now()
        if fields := kwargs.get("update_fields"):
            kwargs["update_fields"] = {*fields, "version", "changed_at"}
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Delete. Raises ProtectedError where email waits for it."""
        self.refuse_deletion()
        return super().delete(*args, **kwargs)

    def refuse_deletion(self) -> None:
        """Raise ProtectedError where email waits for it."""
        waiting = Delivery.objects.unfinished().filter(route=self.alias)[:1]
        if waiting:
            text = "Email waits for this mail account: deactivate it, or cancel the email first."
            raise models.ProtectedError(text, set(waiting))

    def allows(self, channel: str) -> bool:
        """True where it may be used for a channel."""
        return not self.channels or channel in self.channels

    # -- Settings and secrets -----------------------------------------------------------------

    def secrets(self) -> dict[str, str]:
        """The decrypted credentials; their text form is ***.

        Raises ImproperlyConfigured where MAIL_ACCOUNT_KEYS has not the key that they need.
        """
        if not self.encrypted:
            return {}
        from cryptography.fernet import InvalidToken  # noqa: PLC0415  (the extra `accounts`)

        try:
            text = fernet().decrypt(self.encrypted.encode())
        except InvalidToken:
            sentence = (
                f"{KEYS_SETTING} has no key that opens the credentials of mail account {self.pk}."
            )
            raise ImproperlyConfigured(sentence) from None
        return {name: Secret(value) for name, value in json.loads(text).items()}

    def set_secrets(self, **values: str) -> None:
        """Encrypt credentials, by the names of the kind's settings; those not given stay.

        Raises ImproperlyConfigured without MAIL_ACCOUNT_KEYS, and where some are to stay whose key
        is lost.
        """
        known = {one.name for one in ACCOUNT_KINDS[self.kind] if one.is_secret}
        everything = values if known <= values.keys() else {**self.secrets(), **values}
        kept = {name: str(value) for name, value in everything.items() if name in known and value}
        self.encrypted = fernet().encrypt(json.dumps(kept).encode()).decode()

    def encrypt_again(self) -> None:
        """Encrypt the credentials with the first of MAIL_ACCOUNT_KEYS, and save them."""
        if self.encrypted:
            before = self.encrypted
            self.encrypted = fernet().rotate(before.encode()).decode()
            # Unless somebody has replaced them meanwhile, with the first key too.
            same = type(self).objects.filter(pk=self.pk, encrypted=before)
            same.update(encrypted=self.encrypted)

    def clean(self) -> None:
        """Check the settings of the kind, where it may connect to, and its addresses."""
        errors = {}
        for setting in ACCOUNT_KINDS.get(self.kind, ()):
            value = str(self.options.get(setting.name, "") or "")
            if not setting.is_secret and (problem := setting.problem(value)):
                errors[setting.name] = problem
        if self.kind == "smtp" and not errors and (problem := self._host_problem()):
            errors["host"] = problem
        for name in ("from_email", "reply_to"):
            text = getattr(self, name)
            if text and not is_address(text):
                errors[name] = gettext("Enter an email address.")
            elif text:
                setattr(self, name, for_wire(text))
        if errors:
            raise ValidationError(errors)

    def _host_problem(self) -> str:
        host, port = str(self.options["host"]), int(self.options["port"])
        try:
            hosts.resolve(host, port)
        except OSError as refused:
            return str(refused)
        if self.options["security"] == "none" and host not in hosts.loopback_hosts():
            return gettext("Without encryption, anyone on the network could read the password.")
        return ""

    # -- What it does to messages --------------------------------------------------------------

    def sender_of(
        self, from_email: str, reply_to: list[str], channel_from: str, channel_reply_to: list[str]
    ) -> tuple[str, list[str]]:
        """From and Reply-To of a message that goes by this account.

        What names no sender of its own, or none but the channel's, is from the account. A sender
        below the account's own domain stays; of any other the answers go to it.
        """
        own, given = (address_key(parseaddr(text)[1]) for text in (self.from_email, from_email))
        if given == address_key(parseaddr(channel_from)[1]) and given != own:
            replies = [self.reply_to] if self.reply_to else []
            return self.from_email, replies if reply_to == channel_reply_to else reply_to
        if given.rpartition("@")[2] == own.rpartition("@")[2]:
            return from_email, reply_to
        return self.from_email, reply_to or [from_email]


def fernet() -> Any:
    """What encrypts credentials: with the first of MAIL_ACCOUNT_KEYS; all of them decrypt.

    Raises ImproperlyConfigured where there is none, one is no key, or the extra `accounts` is not
    installed.
    """
    try:
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415  (the extra)
    except ModuleNotFoundError:
        text = "Mail accounts need the extra 'accounts': install django-mailroom[accounts]."
        raise ImproperlyConfigured(text) from None

    keys: Iterable[str] = getattr(settings, KEYS_SETTING, ())
    try:
        ring = [Fernet(key) for key in keys]
    except ValueError:
        text = f"{KEYS_SETTING} has a key that is none. Make one: manage.py mail_accounts --new-key"
        raise ImproperlyConfigured(text) from None
    if not ring:
        text = f"{KEYS_SETTING} is missing: it encrypts mail accounts. Make a key: manage.py "
        raise ImproperlyConfigured(f"{text}mail_accounts --new-key")
    return MultiFernet(ring)
