"""What the apps store about an address, and how it is exported and erased.

Each app registers a store for what belongs to an address, and quotes: the columns that may mention
an address besides, such as error texts, logs and notes.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email import message_from_bytes
from email.utils import parseaddr
from html import escape
from typing import Any, NamedTuple
from unicodedata import normalize

from django.apps import apps
from django.db import models, transaction
from django.db.models import CharField, F, Q, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from mailroom.addresses import address_key, in_unicode
from mailroom.messages.merge_fields import shown
from mailroom.models import Attempt, Delivery, Event, Message, Suppression
from mailroom.models.delivery import DeliveryQuerySet

ERASED_TEXT = "[erased]"  # in place of an address, in a text that mentions it
ROWS_IN_MEMORY = 500  # rows in memory


class Store(NamedTuple):
    """What an app stores about an address, given by its key.

    export: returns data for Django's JSON encoder. erase: does nothing where nothing is stored.
    of_account: the data of an account, which a link in an email must not reach. used_since: whether
    somebody has given the address since a moment.
    """

    export: Callable[[str], Any]
    erase: Callable[[str], object]
    of_account: bool
    used_since: Callable[[str, datetime], bool]


class Quote(NamedTuple):
    """Columns of a model (`app.Model`) that may mention an address.

    rows: the rows that may change, by default all.
    """

    model: str
    columns: tuple[str, ...]
    rows: Callable[[], models.QuerySet[Any]] | None


_stores: dict[str, Store] = {}
_quotes: list[Quote] = []


def register(
    name: str,
    *,
    export: Callable[[str], Any],
    erase: Callable[[str], object],
    of_account: bool = False,
    used_since: Callable[[str, datetime], bool] = lambda key, moment: False,
) -> None:
    """Declare what an app stores about an address; the name is that of its part in the export."""
    _stores[name] = Store(export, erase, of_account, used_since)


def register_quotes(
    model: str, *columns: str, rows: Callable[[], models.QuerySet[Any]] | None = None
) -> None:
    """Declare text, JSON or binary columns that may mention an address."""
    _quotes.append(Quote(model, columns, rows))


def quotes() -> dict[str, set[str]]:
    """Return the declared columns by `app.Model`."""
    return {one.model: set(one.columns) for one in _quotes}


def export_address(address: str, *, account: bool = False) -> dict[str, Any]:
    """Return all that is stored about an address, by the names of the stores.

    account: with what its account holds.
    """
    key = address_key(address)
    found = {name: one.export(key) for name, one in _chosen(account=account).items()}
    return {"address": in_unicode(key), **found}


def export_account(address: str) -> dict[str, Any]:
    """Return what the account of an address holds, and nothing that others gave the address for."""
    key = address_key(address)
    found = {name: one.export(key) for name, one in _stores.items() if one.of_account}
    return {"address": in_unicode(key), **found}


def is_used_since(address: str, moment: datetime) -> bool:
    """Return whether somebody has given an address since a moment, whoever had it before."""
    key = address_key(address)
    return any(one.used_since(key, moment) for one in _stores.values())


@transaction.atomic
def erase_address(address: str, *, account: bool = False) -> None:
    """Erase an address from every store, and from every text that mentions it.

    What waits for it is not sent; the email of other recipients does not change. That it must get
    no email stays known by a keyed hash. Repeating it does no harm. account: erase its account too.
    """
    key = address_key(address)
    names = _names_in(export_address(key, account=True))
    sent = Delivery.objects.of(key)
    names |= set(sent.values_list("name", flat=True))
    typed = {parseaddr(address)[1], *sent.values_list("address", flat=True)}
    spellings = typed | {in_unicode(one) for one in typed}
    mention = Mention(key, {one for one in names if len(one) > 1}, spellings)
    for store in _chosen(account=account).values():
        store.erase(key)
    for one in _quotes:
        mention.erase_from(one)


def deleted_by_hand(rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """Return those of the rows that were deleted in the admin lately, and are still there."""
    log = apps.get_model("admin.LogEntry")._base_manager.filter(
        content_type__app_label=rows.model._meta.app_label,
        content_type__model=rows.model._meta.model_name,
        action_flag=_DELETION,
        action_time__gt=timezone.now() - _LATELY,
    )
    return rows.filter(pk__in=[int(one) for one in log.values_list("object_id", flat=True) if one])


_DELETION = 3  # django.contrib.admin.models.DELETION, which needs the admin to be installed
_LATELY = timedelta(days=7)  # whoever was restored from a backup stays


def _chosen(*, account: bool) -> dict[str, Store]:
    return {name: one for name, one in _stores.items() if account or not one.of_account}


def register_own() -> None:
    """Declare what the outbox stores, and what Django's admin and tasks may quote."""
    register("mails", export=_deliveries, erase=_erase_deliveries)
    register("reports", export=_events, erase=lambda key: None)
    register("stopped", export=_suppressions, erase=lambda key: None)
    register_quotes("mailroom.Delivery", "name", "values", "reason", "error")
    register_quotes("mailroom.Attempt", "error")
    register_quotes("mailroom.Event", "event_id", "description")
    register_quotes("mailroom.MailerHealth", "error")
    register_quotes("mailroom.Suppression", "note", "evidence")
    # What others have still to get does not change; forget_address takes it out of To and Cc.
    register_quotes(
        "mailroom.Message",
        *("subject", "body", "from_email", "to", "cc", "bcc", "reply_to", "headers", "content"),
        "cancel_reason",
        rows=Message.objects.finished,
    )
    register_quotes("admin.LogEntry", "object_repr", "change_message")
    register_quotes("django_ox.OxTask", "args", "kwargs", "return_value", "errors")


def _deliveries(key: str) -> list[dict[str, Any]]:
    columns = ("channel", "state", "created_at", "finished_at", "feedback")
    rows = Delivery.objects.of(key).order_by("pk").annotate(subject=F("message__subject"))
    return [{**row, "subject": shown(row["subject"])} for row in rows.values("subject", *columns)]


def _events(key: str) -> list[Any]:
    rows = Event.objects.filter(address=key).order_by("pk")
    return list(rows.values("provider", "kind", "description", "happened_at"))


def _suppressions(key: str) -> list[Any]:
    rows = Suppression.objects.of(key).order_by("pk")
    return list(rows.values("reason", "channel", "created_at", "until"))


def _erase_deliveries(key: str) -> None:
    about = Q(address=key) | Q(delivery__in=Delivery.objects.of(key))
    Event.objects.filter(about).update(address="", description="")
    forget_address(key)


class Mention:
    """An address as a text may have it: in any case, in its own letters, escaped, with a name.

    names: of the person, erased where they stand beside the address. spellings: as it was typed,
    for what is encoded in base64.
    """

    def __init__(self, key: str, names: Iterable[str] = (), spellings: Iterable[str] = ()) -> None:
        local, _at, domain = key.rpartition("@")
        own = in_unicode(key).rpartition("@")[2]
        name_part, at = _spelled(local), f"(?:{_spelled('@')}|&commat;)"
        domains = f"(?:{_spelled(domain)}|{_spelled(own)})"
        quoted = rf'(?:\\{{0,9}}"{name_part}\\{{0,9}}"|{name_part})'
        address = f"{quoted}{at}{domains}"
        # ASCII: a look-alike of the address is another one.
        flags = re.IGNORECASE | re.ASCII | re.MULTILINE
        self.address = re.compile(_BEFORE + address + _AFTER, flags)
        phrase = r"""(?:\\?"[^"<>\n]*"|(?:^|(?<=[,;:]))[^<>,;:"\n]{0,60})"""
        name = rf"""["'\\]{{0,9}}(?<!\w)(?:{_any_of(names) or "(?!)"})(?!\w)["'\\]{{0,9}}"""
        equals = _spelled("=")
        self.patterns = [
            re.compile(rf"{phrase}\s*<{address}>", flags),
            re.compile(rf"{name}\s*<{address}>", flags),
            re.compile(
                rf"(?:{name}[\s,;:(]*)?{_BEFORE}{address}{_AFTER}(?:[\s,;:(]*{name})?", flags
            ),
            # Within the sender's address of a bounce: bounces+ann=example.com@, =example.com=ann@.
            re.compile(rf"(?<![\w.]){name_part}{equals}{domains}{_AFTER}", flags),
            re.compile(rf"(?<==){domains}={name_part}(?=@)", flags),
        ]
        self.base64 = {
            core
            for one in {key, f"{local}@{own}", *spellings}
            for skipped in range(3)
            if len(core := _base64_core(one.encode(), skipped)) >= _SHORTEST
        }
        self.near = _longest_word(local), {_longest_word(domain), _longest_word(own)}
        self.binary = [
            _in_bytes(f"{local}@{one}", coding)
            for one in {domain, own}
            for coding in ("utf-8", "cp1252", "utf-16-le", "utf-16-be")
            if _fits(one, coding)
        ]

    def is_in(self, value: str | bytes) -> bool:
        """Whether a text or the bytes of one mention it."""
        if isinstance(value, str):
            return bool(self.address.search(value))
        return any(one.search(value) for one in self.binary)

    def erase_from(self, columns: Quote) -> None:
        """Write ERASED for the address in the columns of a quote."""
        try:
            model = apps.get_model(columns.model)
        except LookupError:
            return  # an app that is not installed
        rows = columns.rows() if columns.rows else model._base_manager.all()
        for name in columns.columns:
            for row in self._found(rows, model._meta.get_field(name)):
                value = getattr(row, name)
                changed = self._without(value)
                if changed != value:
                    row._meta.model._base_manager.filter(pk=row.pk).update(**{name: changed})

    def _found(self, rows: models.QuerySet[Any], column: Any) -> Any:
        if isinstance(column, models.BinaryField):
            return rows.exclude(**{column.name: b""}).only(column.name).iterator(10)
        texts = rows.annotate(_text=Cast(column.name, TextField()))
        local, domains = self.near
        is_near = Q(pk=None)
        for domain in domains:
            is_near |= Q(_text__icontains=local) & Q(_text__icontains=domain)
        for part in self.base64:
            is_near |= Q(_text__contains=part)
        if isinstance(column, models.JSONField):  # attachments
            is_near |= Q(_text__contains='"$bytes"') | Q(_text__contains='"$mime"')
        return texts.filter(is_near).only(column.name).order_by().iterator(ROWS_IN_MEMORY)

    def _without(self, value: Any) -> Any:
        match value:
            case str():
                for pattern in self.patterns:
                    value = pattern.sub(ERASED_TEXT, value)
                for core in self.base64:
                    value = value.replace(core, ERASED_TEXT)
            case bytes() | memoryview():
                data = bytes(value)
                for spelling in self.binary:
                    data = spelling.sub(b"", data)
                return data
            case {"$bytes": str(text)}:
                return {"$bytes": b64encode(self._without(b64decode(text))).decode()}
            case {"$mime": str(text)}:
                return self._without_part(text)
            case list():
                return [self._without(one) for one in value]
            case dict():
                return {self._without(name): self._without(one) for name, one in value.items()}
        return value

    def _without_part(self, text: str) -> dict[str, str]:
        """A MIME part, or one that says ERASED where it mentions the address."""
        data = b64decode(text)
        part = message_from_bytes(data)
        decoded = (one.get_payload(decode=True) or b"" for one in part.walk())
        if self.is_in(data) or any(map(self.is_in, decoded)):  # type: ignore[arg-type]
            text = b64encode(f"Content-Type: text/plain\n\n{ERASED_TEXT}\n".encode()).decode()
        return {"$mime": text}


# Not joann@example.com, nor ann@example.com.au; but a file's name, ann@example.com.csv, and what
# stands behind a bracket, a space or a line's end that is escaped.
_SEPARATORS = "(?:09|0a|0d|20|22|26|27|28|2c|2f|3a|3b|3c|3d|3f|5b|7b|7c)"
_BEFORE = rf"(?:(?<![\w.+-])(?<!\w')|(?<=[%=]{_SEPARATORS})|(?<=\\u00{_SEPARATORS})|(?<=\\[nrt]))"
_AFTER = r"(?![\w-]|\.(?!(?:csv|tsv|txt)\b)\w)"
_SHORTEST = 8  # characters of base64: fewer are found by chance


def _spelled(text: str) -> str:
    """A pattern for a text any letter of which, but for A to Z and digits, may be escaped."""
    return "".join(one if one.isascii() and one.isalnum() else _escaped(one) for one in text)


def _escaped(letter: str) -> str:
    """As it is; for URLs, even twice; quoted-printable; for HTML; for JSON, even twice."""
    forms = set()
    for one in _cases(letter):
        forms |= {re.escape(one), re.escape(escape(one))}
        forms.add("".join(f"%(?:25)*{byte:02x}" for byte in one.encode()))
        forms.add("".join(f"={byte:02x}" for byte in one.encode()))
        forms.add("".join(f"&#(?:0*{ord(part)}|x0*{ord(part):x});" for part in one))
        forms.add("".join(rf"\\+u{ord(part):04x}" for part in one))
    return f"(?:{'|'.join(sorted(forms, key=len, reverse=True))})"


def _longest_word(text: str) -> str:
    """Of letters and digits that no escaping changes."""
    return max(re.findall("[a-z0-9]+", text.removeprefix("xn--")) or [""], key=len)


def _cases(letter: str) -> set[str]:
    """A letter, small and capital, composed and not: only ASCII ignores case in a pattern here."""
    cases = {letter} | {one for one in (letter.upper(), "ẞ") if one.lower() == letter}
    return cases | {normalize("NFD", one) for one in cases}


def _in_bytes(text: str, coding: str) -> re.Pattern[bytes]:
    """A pattern for an address in a file, which is not a part of a longer one."""
    big, little = (b"\0" if coding == f"utf-16-{end}" else b"" for end in ("be", "le"))
    letters = [[one.encode(coding) for one in _cases(x) if _fits(one, coding)] for x in text]
    choices = (b"(?:" + b"|".join(map(re.escape, one)) + b")" for one in letters)
    before = rb"(?<![\w.+-]" + little + b")"
    after = b"(?!" + big + rb"(?:[\w-]|\." + little + big + rb"\w))"
    return re.compile(before + b"".join(choices) + after, re.IGNORECASE)


def _any_of(texts: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted({one for one in texts if one}, key=len, reverse=True)))


def _base64_core(data: bytes, skipped: int) -> str:
    """What base64 makes of some bytes behind others, less the characters that share their bits."""
    whole = len(data) + skipped - (len(data) + skipped) % 3
    text = b64encode(bytes(skipped) + data)[: whole // 3 * 4].decode()
    return text[4:] if skipped else text


def _fits(text: str, coding: str) -> bool:
    try:
        text.encode(coding)
    except UnicodeEncodeError:
        return False
    return True


def _names_in(data: Any) -> set[str]:
    """The names of a person in what is exported about them."""
    match data:
        case {"name": str(name), **others}:
            return {name} | _names_in(others)
        case dict():
            return set().union(*map(_names_in, data.values()))
        case list():
            return set().union(*map(_names_in, data))
    return set()


# -- What the library itself erases ------------------------------------------------------------


ADDRESS_FIELDS = ("to", "cc", "bcc")


@transaction.atomic
def forget_address(address: str) -> None:
    """Take an address out of deliveries, messages, attempts, events and suppressions.

    What waits is not sent any more, and can't be queued again. Other recipients of the same message
    get what they would have got, less this address in To and Cc; a message that only this address
    got is erased. That it must get no mail stays known, by a keyed hash. Numbers of what was sent
    stay.
    """
    _forget_deliveries(Delivery.objects.of(address), address)
    Event.objects.filter(address=address_key(address)).update(address="", description="")
    Suppression.objects.anonymise(address)


@transaction.atomic
def forget_emails(which: Q) -> None:
    """Take their recipients out of some deliveries, and nothing else of their addresses.

    For those that an account named but never confirmed: they may be somebody else's.
    """
    chosen = Delivery.objects.filter(which).exclude(address__startswith=Delivery.ERASED)
    for address in set(chosen.values_list("address", flat=True)):
        own = chosen.filter(address=address)
        Event.objects.filter(delivery__in=own).update(address="", description="")
        _forget_deliveries(own, address)


def _forget_deliveries(own: DeliveryQuerySet, address: str) -> None:
    named = set(own.filter(_names_recipients()).values_list("message_id", flat=True))
    own.unfinished().update(
        state=Delivery.State.SKIPPED, reason="forgotten", finished_at=timezone.now()
    )
    Attempt.objects.filter(delivery__in=own).update(error="")
    nobody = Concat(Value(Delivery.ERASED), Cast("pk", CharField()))
    own.update(address=nobody, address_key=nobody, name="", values={}, error="")
    for message in Message.objects.filter(pk__in=named).select_for_update():
        _leave_out(message, address)


def _names_recipients() -> Q:
    return ~Q(message__to=[]) | ~Q(message__cc=[]) | ~Q(message__bcc=[])


def _leave_out(message: Message, address: str) -> None:
    """Take an address out of a message's To, Cc and Bcc; erase one that nobody else got."""
    key = address_key(address)
    for name in ADDRESS_FIELDS:
        texts = getattr(message, name)
        left = [text for text in texts if address_key(parseaddr(text)[1]) != key]
        setattr(message, name, left)
    message.save(update_fields=ADDRESS_FIELDS)
    if not message.deliveries.exclude(address__startswith=Delivery.ERASED).exists():
        message.subject = ""
        message.save(update_fields=["subject"])
        message.erase()
