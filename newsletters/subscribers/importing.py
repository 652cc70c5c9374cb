"""People from a CSV file into a newsletter: as many as can be, and nobody who left comes back.

The file is read twice, a batch at a time: once to say what would happen, once to do it. Known
people keep what they have, unless the file says that they left later.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parseaddr
from itertools import batched, islice, takewhile, zip_longest
from typing import Any, BinaryIO, NamedTuple
from unicodedata import normalize

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.tasks import task
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from mailroom.addresses import clean_address
from mailroom.csv_files import SHOWN_PROBLEMS, Row, csv_line, read_rows
from mailroom.models.queries import BATCH, locked
from mailroom.tasks import enqueue
from newsletters.models import ErasedAddress, Newsletter, SubscriberImport, Subscription
from newsletters.models.subscription import SubscriptionState
from newsletters.subscribers.subscribing import Consent

SAMPLE = 200
TOP = 20  # rows among which the names of the columns are looked for, and what these hold
MOST_COLUMNS = 200

NEW, CONFIRMED, PENDING, LEAVING = "new", "confirmed", "pending", "leaving"
KNOWN, LEFT, ERASED, MERGED, BAD = "known", "left", "erased", "merged", "bad"

# -- Columns --------------------------------------------------------------------------------------

# What columns are called by Mailchimp, listmonk, Ghost, Buttondown, ourselves and people.
COLUMN_NAMES = {
    "email": "email,mail,email address,e mail,e mail address,mail address,subscriber,courriel,"
    "adresse e mail,adresse email,adresse courriel,adresse électronique",
    "name": "name,full name,display name,your name,nom complet",
    "first_name": "first name,firstname,fname,given name,forename,prénom,prenom",
    "last_name": "last name,lastname,lname,surname,family name,nom,nom de famille",
    "language": "language,lang,locale,langue",
    "state": "state,status,subscription status,subscriber status,subscriber type,type,"
    "member status,email status,subscription state,statut,état,etat",
    "newsletter": "newsletter",
    "left_at": "unsubscribed,unsubscribed at,unsub time,unsubscribe time,unsubscribed date,"
    "unsubscribe date,unsubscribe,opt out,opted out,optout,opt out time,optout time,opt out date,"
    "email opt out,has opted out of email,do not email,désabonné,désinscrit",
    "cleaned_at": "clean time,cleaned,cleaned at,bounced,bounced at,hard bounced,complained,"
    "complained at,spam,undeliverable,blocked,blocklisted,blacklisted,suppressed,deleted,"
    "deleted at,removed,removed at",
    "subscribed": "subscribed,is subscribed,subscribed to emails,email opt in,opt in,opted in,"
    "active,is active,enabled,abonné",
    "joined_at": "confirmed at,confirm time,optin time,opt in time,subscribed at",
}
_CALLED = {name: key for key, names in COLUMN_NAMES.items() for name in names.split(",")}
# A file may have several columns of these, and each counts: "bounced" beside "complained".
REPEATED = {"state", "left_at", "cleaned_at", "subscribed"}

# What other programs call the states. Any other word in such a column makes its line a problem.
STATE_OF_WORD = {
    SubscriptionState.CONFIRMED: "confirmed,subscribed,enabled,active,regular,premium,gifted,"
    "free,paid,comped,true,yes,1,member,churning,past due,trialed,abonné,abonnée,inscrit,inscrite,"
    "confirmé,confirmée,actif,active",
    SubscriptionState.PENDING: "pending,unconfirmed,unactivated,waiting for confirmation,"
    "not confirmed,en attente",
    SubscriptionState.UNSUBSCRIBED: "unsubscribed,unsub,cleaned,bounced,hard bounced,complained,"
    "complaint,spam,spammy,blocklisted,blocked,blacklisted,disabled,inactive,removed,churned,undeliverable,"
    "deleted,archived,false,no,0,opted out,trashed,paused,upcoming,suppressed,invalid,"
    "non subscribed,not subscribed,nonsubscribed,désabonné,désabonnée,désinscrit,désinscrite,"
    "inactif",
}
_STATE = {word: state for state, words in STATE_OF_WORD.items() for word in words.split(",")}
NO = {"", "0", "false", "f", "no", "n", "non", "off", "null", "none", "nil", "n/a", "na", "never"}
_ZERO_DATE = re.compile(r"0000-00-00.*|[-–—]+")  # as MySQL and people write "never"

Columns = Mapping[str, int]  # which of the file's columns holds what, from 0


def layout(file: BinaryIO) -> tuple[list[str], int]:
    """The names of the columns, and how many rows come before the first person.

    The names are in the first row, or below a title that a spreadsheet has above them; a file
    without any has its columns numbered.
    """
    first = list(islice(read_rows(file), TOP))
    readable = [(at, row.cells[:MOST_COLUMNS]) for at, row in enumerate(first) if not row.problem]
    before = takewhile(lambda one: not any(map(_is_of_a_person, one[1])), readable)
    heads = list(before)
    named = [one for one in heads if any(_CALLED.get(_words(cell)) == "email" for cell in one[1])]
    width = max((len(cells) for _at, cells in readable), default=0)
    if not heads:
        return [_("Column %(n)s") % {"n": number + 1} for number in range(width)], 0
    at, names = (named or heads)[0]
    return names + [""] * (width - len(names)), at + 1


def examples(file: BinaryIO, number: int = 5) -> list[list[str]]:
    """The first rows of people, as they are."""
    return [row.cells[:MOST_COLUMNS] for row in islice(_people(file), number)]


def guessed(names: list[str], rows: list[list[str]] | None = None) -> dict[str, int]:
    """The columns that say by their names, or by the first rows, what they hold.

    What a file has several columns of is numbered from the second one on: "cleaned_at 2".
    """
    columns = list(zip_longest(*rows or [], fillvalue=""))[: len(names)]
    with_address = [at for at, cells in enumerate(columns) if any(map(_looks_like_address, cells))]
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if key := _CALLED.get(_words(name)):
            places.setdefault(key, []).append(place)
    named = places.get("email", [])
    if best := [at for at in named if at in with_address] or with_address or named:
        places["email"] = best
    # "State" may be a part of an address: one that holds known words is meant.
    states = [
        at
        for at in places.get("state", [])
        if at < len(columns) and any(_words(cell) in _STATE for cell in columns[at])
    ]
    if states:
        places["state"] = states
    found = {key: where[0] for key, where in places.items()}
    if "last_name" in found and "first_name" not in found and "name" not in found:
        found["name"] = found.pop("last_name")  # "Nom" alone is the name
    if len(names) == 2 and with_address and len(found) == 1:
        found["name"] = 1 - found["email"]
    for key in REPEATED & set(places):
        found |= {f"{key} {number}": at for number, at in enumerate(places[key][1:], 2)}
    return found


def _people(file: BinaryIO) -> Iterator[Row]:
    """The rows of a file but those with its title and the names of its columns."""
    _names, before = layout(file)
    return islice(read_rows(file), before, None)


def _words(text: str) -> str:
    """A name or a state as it is compared: "E-Mail_Address" is "e mail address"."""
    return " ".join(re.split(r"[\W_]+", normalize("NFKC", text).lower())).strip()


def _looks_like_address(cell: str) -> bool:
    return bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+|.*<[^@\s]+@[^@\s]+>", cell.strip()))


def _is_of_a_person(cell: str) -> bool:
    """Whether a cell holds an address, be it a bad one."""
    return _looks_like_address(cell) or bool(re.fullmatch(r"[^@\s]*@[^@\s]*", cell.strip()))


# -- Rows -----------------------------------------------------------------------------------------


class Person(NamedTuple):
    """A row that can be taken in. left_at: when they left, where the file says."""

    email: str
    name: str
    language: str
    state: str
    left_at: datetime | None
    row: Row


@dataclass
class Batch:
    """The people of some rows, each address once; problems: the rows that are none, with why."""

    number: int
    people: dict[str, Person] = field(default_factory=dict)
    problems: list[tuple[Row, str]] = field(default_factory=list)
    merged: int = 0


def batches(
    file: BinaryIO, columns: Columns, newsletter: Newsletter, *, skip: int = 0
) -> Iterator[Batch]:
    """Read the people of a file, all but the first `skip` rows."""
    for rows in batched(islice(_people(file), skip, None), BATCH, strict=False):
        batch = Batch(len(rows))
        for row in rows:
            try:
                person = _person(row, columns, newsletter)
            except ValidationError as error:
                batch.problems.append((row, " ".join(error.messages)))
                continue
            known = batch.people.get(person.email)
            batch.merged += known is not None
            batch.people[person.email] = _merged(known, person) if known else person
        yield batch


def _person(row: Row, columns: Columns, newsletter: Newsletter) -> Person:
    if row.problem:
        raise ValidationError(row.problem)

    def cells(key: str) -> list[str]:
        """What the columns of a kind hold, the first of them first."""
        places = (at for name, at in columns.items() if name.partition(" ")[0] == key)
        return [row.cells[at].strip() for at in places if at < len(row.cells)]

    def cell(key: str) -> str:
        return next(iter(cells(key)), "")

    other = cell("newsletter")
    if other and other not in (newsletter.slug, newsletter.name):
        text = _("This row is for the newsletter “%(other)s”.")
        raise ValidationError(text % {"other": other[:100]})
    email, name_beside = _address(cell("email"))
    name = cell("name") or f"{cell('first_name')} {cell('last_name')}".strip() or name_beside
    left = filter(None, map(_moment, cells("left_at") + cells("cleaned_at")))
    return Person(
        email=email,
        name=_one_line(name),
        language=_language(cell("language"), newsletter.language),
        state=_state(cells),
        left_at=next(left, None),
        row=row,
    )


def _merged(first: Person, second: Person) -> Person:
    """Two rows of one address: the name of either, and left if one of them says so."""
    state = first.state
    if SubscriptionState.UNSUBSCRIBED in (first.state, second.state):
        state = SubscriptionState.UNSUBSCRIBED
    left_at = first.left_at or second.left_at
    return first._replace(name=first.name or second.name, state=state, left_at=left_at)


def _address(text: str) -> tuple[str, str]:
    """The key of an address, and the name written beside it ("Ann <ann@example.com>")."""
    name, text = "", text.strip(_AROUND)
    if text.lower().startswith("mailto:"):
        text = text[7:]
    if "<" in text:
        name, address = parseaddr(text)
        text = address or text
    if not text:
        raise ValidationError(_("There is no email address."))
    try:
        return clean_address(text), name
    except ValidationError as error:
        raise ValidationError(f"{text[:100]}: {error.messages[0]}") from None


# What comes along when addresses are copied from a web page or a list: marks of no width.
_AROUND = " \t\r\n\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad,;"


def _one_line(text: str) -> str:
    """A name without line ends and control characters, as long as the column takes."""
    text = text.replace("\ufffd", "")
    printable = "".join(one if one.isprintable() or one.isspace() else "" for one in text)
    return " ".join(printable.split())[:100]


def _language(text: str, default: str) -> str:
    """A language of the site by its code in any spelling ("fr-CA", "EN_us") or by its name."""
    code = text.lower().replace("_", "-")
    known: dict[str, str] = {}
    for name, _label in settings.LANGUAGES:
        info = get_language_info(name)
        known |= {one.lower(): name for one in (info["name"], info["name_local"], name)}
    return known.get(code) or known.get(code.partition("-")[0]) or default


def _state(cells: Callable[[str], list[str]]) -> str:
    """The state that the columns of a row say; confirmed where they say nothing."""
    first, *others = [_words(cell) for cell in cells("state")] or [""]
    state = _STATE.get(first, "") if first else SubscriptionState.CONFIRMED
    if not state:
        text = _("The state “%(state)s” is not known.")
        raise ValidationError(text % {"state": cells("state")[0][:50]})
    if any(_STATE.get(one) == SubscriptionState.UNSUBSCRIBED for one in others):
        return SubscriptionState.UNSUBSCRIBED
    if any(map(_says_no, filter(None, cells("subscribed")))) or not all(
        map(_says_no, cells("cleaned_at"))
    ):
        return SubscriptionState.UNSUBSCRIBED
    left = [cell for cell in cells("left_at") if not _says_no(cell)]
    if not left or all(_came_back_after(cell, cells, state, first) for cell in left):
        return str(state)
    return SubscriptionState.UNSUBSCRIBED


def _came_back_after(left: str, cells: Callable[[str], list[str]], state: str, word: str) -> bool:
    """Whether the file says that who left at a time is subscribed again.

    Our own export says so by its word for it; in others, the time they joined must be later.
    """
    left_at = _moment(left)
    if state != SubscriptionState.CONFIRMED or not left_at:
        return False
    joined = filter(None, map(_moment, cells("joined_at")))
    return word == SubscriptionState.CONFIRMED or any(one > left_at for one in joined)


def _says_no(cell: str) -> bool:
    return cell.lower() in NO or bool(_ZERO_DATE.fullmatch(cell))


def _moment(text: str) -> datetime | None:
    """A date or a time of day, in UTC where it names no zone; None for one that can't be true."""
    try:
        moment = parse_datetime(text.replace(" UTC", "+00:00"))
        day = None if moment else parse_date(text[:10])
    except ValueError:
        return None
    if day:
        moment = datetime(day.year, day.month, day.day)
    if moment and timezone.is_naive(moment):
        moment = moment.replace(tzinfo=UTC)
    return moment if moment and moment.year > 1970 and moment <= timezone.now() else None


# -- What a batch does -----------------------------------------------------------------------------


def outcomes(batch: Batch, newsletter: Newsletter) -> dict[str, tuple[str, Subscription | None]]:
    """What taking in a batch does to each address, and the subscription there is; two queries."""
    rows = newsletter.subscriptions.filter(email__in=list(batch.people))
    known = {row.email: row for row in rows}
    erased = ErasedAddress.objects.among(batch.people)
    return {
        address: (_outcome(person, known.get(address), address in erased), known.get(address))
        for address, person in batch.people.items()
    }


def _outcome(person: Person, known: Subscription | None, was_erased: bool) -> str:
    if was_erased and not (known and known.is_confirmed):
        return ERASED  # only their own confirmation brings them back
    if known is None:
        waiting = {
            SubscriptionState.PENDING.value: PENDING,
            SubscriptionState.UNSUBSCRIBED.value: LEAVING,
        }
        return waiting.get(person.state, NEW)
    if known.is_unsubscribed or (known.unsubscribed_at and not known.is_confirmed):
        return LEFT
    if person.state == SubscriptionState.UNSUBSCRIBED:
        came_later = person.left_at and known.confirmed_at and known.confirmed_at > person.left_at
        return KNOWN if came_later else LEAVING
    return CONFIRMED if known.is_pending and person.state == SubscriptionState.CONFIRMED else KNOWN


@transaction.atomic
def take_in(batch: Batch, newsletter: Newsletter, consent: str) -> Counter[str]:
    """Take in the people of a batch, in a fixed number of queries; how many of each outcome."""
    found = outcomes(batch, newsletter)
    now = timezone.now()
    agreed = Consent(_("import"), consent).fields()
    new, confirmed, leaving = [], [], []
    for address, (outcome, known) in found.items():
        person = batch.people[address]
        if outcome == ERASED:
            continue
        if known is None:
            new.append(_subscription(person, newsletter, agreed, now))
        elif outcome == CONFIRMED:
            confirmed.append(known.pk)
        elif outcome == LEAVING:
            leaving.append(known.pk)
    # A person who subscribes at this very moment keeps what they chose themselves.
    Subscription.objects.bulk_create(new, ignore_conflicts=True)
    mine = newsletter.subscriptions
    mine.filter(pk__in=confirmed).pending().update(
        state=SubscriptionState.CONFIRMED, confirmed_at=now, confirmation_wanted=False, **agreed
    )
    mine.filter(pk__in=leaving).exclude(state=SubscriptionState.UNSUBSCRIBED).update(
        state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=now, confirmation_wanted=False
    )
    return _counts(batch, (outcome for outcome, _known in found.values()))


def _subscription(
    person: Person, newsletter: Newsletter, agreed: dict[str, object], now: datetime
) -> Subscription:
    row = Subscription(
        newsletter=newsletter,
        email=person.email,
        name=person.name,
        language=person.language,
        state=person.state,
    )
    if person.state == SubscriptionState.CONFIRMED:
        row.confirmed_at = now
        for name, value in agreed.items():
            setattr(row, name, value)
    if person.state == SubscriptionState.UNSUBSCRIBED:
        row.unsubscribed_at = person.left_at or now
    return row


def _counts(batch: Batch, found: Iterator[str]) -> Counter[str]:
    counts = Counter(found)
    counts.update({MERGED: batch.merged, BAD: len(batch.problems)})
    return +counts


# -- The whole file -------------------------------------------------------------------------------


def import_subscribers(newsletter: Newsletter, file: BinaryIO, consent: str) -> Counter[str]:
    """Take in the people of a CSV file; how many of each outcome, "bad" for skipped lines.

    file: opened in binary mode. consent: source of consent, kept with each of them.
    Raises ValidationError for a file without a column of email addresses.
    """
    columns = guessed(layout(file)[0], examples(file, TOP))
    if "email" not in columns:
        raise ValidationError(_("No column holds email addresses."))
    counts = Counter[str]()
    for batch in batches(file, columns, newsletter):
        counts += take_in(batch, newsletter, consent)
    return counts


def check_columns(job: SubscriberImport, columns: dict[str, int]) -> bool:
    """Have every row looked at, with these columns; nothing is imported by it."""
    states = SubscriberImport.State
    before = (states.NEW, states.FAULTY, states.READY)
    anew = {"columns": columns, "counts": {}, "faults": [], "sample": []}
    return _begin(job, before, states.CHECKING, **anew)


def start_import(job: SubscriberImport) -> bool:
    """Import what was checked: True for the one caller whose call began it."""
    states = SubscriberImport.State
    return _begin(job, (states.READY,), states.RUNNING, counts={})


@transaction.atomic
def _begin(job: SubscriberImport, before: tuple[str, ...], state: str, **changes: Any) -> bool:
    mine = SubscriberImport.objects.filter(pk=job.pk, state__in=before)
    if not mine.update(state=state, position=0, **changes):
        return False
    enqueue(work_on_import, job.pk)
    job.refresh_from_db()
    return True


@task()
def work_on_import(import_id: int) -> None:
    if job := SubscriberImport.objects.filter(pk=import_id).first():
        go_on(job)


def go_on(job: SubscriberImport) -> None:
    """Do what the state of an import says; begun anew after a crash, it goes on where it was."""
    steps = {SubscriberImport.State.CHECKING: _check, SubscriberImport.State.RUNNING: _run}
    step = steps.get(SubscriberImport.State(job.state))
    if step is None:
        return
    try:
        step(job)
    except Exception:
        # Whoever waits for it must learn of it; to import the same people again does no harm.
        text = _("An unexpected error stopped the import. Please check the columns and try again.")
        SubscriberImport.objects.filter(pk=job.pk, state=job.state).update(
            state=SubscriberImport.State.FAULTY, faults=[text]
        )
        raise


def _check(job: SubscriberImport) -> None:
    """Read every row, change nothing, and say what would happen."""
    mine = SubscriberImport.objects.filter(pk=job.pk, state=job.state)
    counts, problems, sample, seen = Counter[str](), list[str](), list[list[str]](), 0
    addresses, lines = set[int](), [csv_line([_("Line"), _("Problem"), *job.header])]
    for batch in batches(job.file, job.columns, job.newsletter):
        before = {address for address in batch.people if hash(address) in addresses}
        addresses |= set(map(hash, batch.people))
        batch.merged += len(before)
        found = outcomes(batch, job.newsletter)
        counts += _counts(batch, (found[one][0] for one in found if one not in before))
        seen += batch.number
        lines += [csv_line([row.line, why, *row.cells]) for row, why in batch.problems]
        problems += [_problem(*one) for one in batch.problems][: SHOWN_PROBLEMS - len(problems)]
        people = batch.people.values()
        shown = [[found[one.email][0], one.email, one.name, one.language] for one in people]
        sample += shown[: SAMPLE - len(sample)]
        mine.update(position=seen)
    if not seen:
        problems = [_("The file has no rows.")]
    is_ready = any(counts[key] for key in counts if key != BAD)
    mine.update(
        state=SubscriberImport.State.READY if is_ready else SubscriberImport.State.FAULTY,
        total=seen,
        counts=counts,
        faults=problems,
        problem_file="".join(lines).encode() if counts[BAD] else None,
        sample=sample,
    )


def _problem(row: Row, why: str) -> str:
    return _("Line %(line)s: %(problem)s") % {"line": row.line, "problem": why}


def _run(job: SubscriberImport) -> None:
    """Each batch, and that it is done, in one transaction: another worker's is not done again."""
    position, newsletter = job.position, job.newsletter
    running = SubscriberImport.objects.filter(pk=job.pk, state=SubscriberImport.State.RUNNING)
    for batch in batches(job.file, job.columns, newsletter, skip=position):
        with transaction.atomic():
            row = locked(running.filter(position=position).defer("data")).first()
            if row is None:
                return
            counts = Counter(row.counts) + take_in(batch, newsletter, job.consent)
            position += batch.number
            running.update(position=position, counts=counts)
    done = {"state": SubscriberImport.State.DONE, "finished_at": timezone.now(), "sample": []}
    running.filter(position=position).update(data=b"", **done)


def in_words(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The numbers of an import, each with what it means; the rare ones only where there are any."""
    words = {
        NEW: _("new"),
        CONFIRMED: _("waited for confirmation, now confirmed"),
        KNOWN: _("already subscribed (unchanged)"),
        LEFT: _("unsubscribed earlier (skipped)"),
        ERASED: _("had their data erased (skipped)"),
        LEAVING: _("unsubscribed in the file (kept as unsubscribed)"),
        PENDING: _("not confirmed in the file (kept as waiting)"),
        MERGED: _("repeated in the file (merged)"),
        BAD: _("skipped lines"),
    }
    always = (NEW, KNOWN)
    return [
        (word, counts.get(key, 0))
        for key, word in words.items()
        if key in always or counts.get(key)
    ]
