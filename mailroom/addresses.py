"""Email addresses: what can be sent to, one key to compare them by, and the form for the wire.

Letters are lowered in ASCII only: str.lower() turns the Kelvin sign into k, casefold() a long s
into s, and PostgreSQL's UPPER() a dotless i into I, so that a stranger's address would match
somebody else's. Domains are IDNA 2008 A-labels (RFC 5891): Django's own punycode sends faß.de to
fass.de.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from email.utils import parseaddr
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    ValidatedEmail,
    validate_email,
)

LOCAL_LENGTH = 64  # octets, RFC 5321 section 4.5.3.1.1
LENGTH = 254  # octets, RFC 5321 section 4.5.3.1.3 less the angle brackets

_ASCII_LOWER = {ord(upper): ord(upper) + 32 for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_PLAIN = re.compile(rf"{_ATOMS}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\xa0]")


def clean_address(text: str) -> str:
    """Return the key of an address that email can be sent to.

    Raises ValidationError with the reason, for the person who entered it. Domains for special use
    (RFC 6761) are refused but for those of MAIL_SPECIAL_USE_DOMAINS.
    """
    try:
        parts = _parsed(text, getattr(settings, "MAIL_SPECIAL_USE_DOMAINS", []), is_global=True)
    except EmailNotValidError:
        raise ValidationError(_reason(text), "invalid") from None
    return _lower(f"{parts.local_part}@{parts.ascii_domain}")


def address_key(text: str) -> str:
    """Return what an address is stored and compared by; any other text is lowered in ASCII.

    text: a bare address, `Name <address>` or `address (Name)`, in any spelling. Never raises.
    """
    text = text.strip()
    if any(mark in text for mark in "<(:"):  # a name, a comment, or a group's name
        text = parseaddr(text)[1] or text
    if not text.isascii():
        with suppress(ValueError):
            text = for_wire(text)
    return _lower(text)


def in_unicode(key: str) -> str:
    """Return a key as people read it, with the domain's own letters; other text unchanged."""
    if "xn--" not in key:
        return key
    try:
        parts = _parsed(key, SPECIAL_USE_DOMAIN_NAMES, is_global=False)
    except EmailNotValidError:
        return key
    return f"{parts.local_part}@{parts.domain}"


def domain_of(mailbox: str) -> str:
    """Return the domain in the key of an address or a `Name <address>`; "" where there is none."""
    return address_key(mailbox).rpartition("@")[2]


def is_plain_address(text: str) -> bool:
    """Return whether it is a bare address in the plain ASCII of RFC 5321 section 4.1.2.

    Such a one needs no parsing.
    """
    return len(text) <= LENGTH and bool(_PLAIN.fullmatch(text))


def for_wire(mailbox: str) -> str:
    """Return `Name <address>` or a bare address with its domain as an A-label, else unchanged.

    Of an address with comments or spaces within it (RFC 5322 section 3.4.1), the address alone.
    Raises ValueError for what is no single address, or one without a form in ASCII. What can be
    sent to is wider here than in forms: a relay inside a company knows names such as `localhost`.
    """
    if is_plain_address(mailbox):
        return mailbox
    address = parseaddr(mailbox)[1]
    try:
        parts = _parsed(address, SPECIAL_USE_DOMAIN_NAMES, is_global=False)
    except EmailNotValidError:
        raise ValueError(f"{mailbox!r} is not an email address: {_reason(address)}") from None
    if address.isascii() and address in mailbox:
        return mailbox
    before, found, after = mailbox.rpartition(address)
    if not found and not mailbox.isprintable():
        raise ValueError(f"{mailbox!r} has a line break or an invisible character in its address.")
    wire = f"{parts.local_part}@{parts.ascii_domain}"
    return f"{before}{wire}{after}" if found else wire


def is_address(mailbox: str) -> bool:
    """Whether a text is one address that can stand in a header, with a name or without.

    Translates nothing: the settings ask while they are being read.
    """
    try:
        _parsed(parseaddr(mailbox)[1], SPECIAL_USE_DOMAIN_NAMES, is_global=False)
    except EmailNotValidError:
        return False
    return mailbox.isprintable()


def _parsed(text: str, allowed: Iterable[str], *, is_global: bool) -> ValidatedEmail:
    """Parse an address; domains for special use are refused but for those `allowed`."""
    local, _at, domain = text.rpartition("@")
    ending = _ending(domain, allowed)
    # The library knows no exceptions: an ending that is allowed is hidden from it.
    hidden = f"{local}@{domain[: len(domain) - len(ending)]}{'x' * len(ending)}"
    parts = validate_email(
        hidden if ending else text,
        allow_smtputf8=False,
        check_deliverability=False,
        globally_deliverable=is_global,
        strict=True,  # the length of the local part
    )
    if ending:
        parts.domain = parts.domain[: -len(ending)] + ending
        parts.ascii_domain = str(parts.ascii_domain)[: -len(ending)] + ending
    return parts


def _ending(domain: str, names: Iterable[str]) -> str:
    """Which of the names a domain is or is below, "" for none."""
    domain = _lower(domain)
    return next((one for one in names if domain == one or domain.endswith(f".{one}")), "")


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def _reason(text: str) -> Any:
    """Say why an address is refused, and so what to change."""
    local, at, domain = text.rpartition("@")
    if not (at and local and domain):
        return _("Enter a valid email address such as name@example.com.")
    if "<" in text or ">" in text:
        return _("Enter the address alone, without a name and angle brackets.")
    if _BREAKS.search(text) or not text.isprintable():
        return _("An email address can’t contain spaces or invisible characters.")
    if '"' in local:
        return _("Addresses with quotation marks can’t be used.")
    if not local.isascii():
        return _("Before the @ sign, only letters without accents (a–z) can be used.")
    if len(local) > LOCAL_LENGTH or len(text) > LENGTH:
        return _("This address is too long.")
    if domain.startswith("["):
        return _("Enter a domain name after the @ sign, not an IP address.")
    if "." not in domain:
        return _("The part after the @ sign needs an ending such as .com.")
    if ending := _ending(domain, SPECIAL_USE_DOMAIN_NAMES):
        return _("Email can’t be sent to addresses that end in .%(ending)s.") % {"ending": ending}
    return _("This is not a valid email address. Please check it for typing errors.")


class AddressFormField(forms.EmailField):
    """A form's field for an address: `clean` returns its key."""

    default_validators = []

    def to_python(self, value: Any) -> Any:
        # Not in clean(): allauth's field lowers what that returns, and not in ASCII alone.
        text = super().to_python(value)
        return clean_address(text) if text else text


class AddressField(models.EmailField):
    """A column that holds the key of an address, and looks rows up by it.

    source: the field of the same model whose text the key is made of, for a column of its own.
    """

    default_validators = []

    def __init__(self, *args: Any, source: str = "", **kwargs: Any) -> None:
        self.source = source
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """As Django's own field: in the database they are the same."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.EmailField", args, kwargs

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        value = super().clean(value, model_instance)
        return clean_address(value) if value else value

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": AddressFormField, **kwargs})

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return address_key(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = getattr(model_instance, self.source or self.attname)
        key = address_key(value) if isinstance(value, str) else value
        setattr(model_instance, self.attname, key)
        return key
