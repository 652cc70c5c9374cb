"""Everything that happened to one delivery, in one list, with links to what it is about."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from mailroom.messages.links import mask_tokens
from mailroom.models import Attempt, Delivery, Event, Suppression

State = Delivery.State
CLOCK_DIFFERENCE = timedelta(seconds=5)


class Entry(NamedTuple):
    """One line of a timeline: when, what, and the provider's words or the reason."""

    at: datetime
    what: str
    detail: str = ""


class Link(NamedTuple):
    """A page about the same person or email: its label and its address."""

    label: str
    url: str


Linker = Callable[[HttpRequest, Delivery], Iterable[Link]]
_linkers: list[Linker] = []


def add_links(linker: Linker) -> Linker:
    """Register a function that names pages about a delivery; an app calls it when it is ready.

    It gets the request and the delivery, and leaves out what the user may not see.
    """
    if linker not in _linkers:
        _linkers.append(linker)
    return linker


def links(request: HttpRequest, delivery: Delivery) -> list[Link]:
    """The pages about a delivery that its reader may open; none once its person was erased."""
    if delivery.is_erased:
        return []
    return [link for linker in _linkers for link in linker(request, delivery)]


@add_links
def _suppressions(request: HttpRequest, delivery: Delivery) -> Iterator[Link]:
    if request.user.has_perm("mailroom.view_suppression"):
        for row in Suppression.objects.of(delivery.address):
            url = reverse("admin:mailroom_suppression_change", args=[row.pk])
            yield Link(_("Suppression (%(reason)s)") % {"reason": row.get_reason_display()}, url)


def timeline(delivery: Delivery) -> list[Entry]:
    """What happened to a delivery, oldest first, its past attempts and its events included."""
    entries = [Entry(delivery.created_at, _("queued"))]
    for attempt in sorted(delivery.past_attempts.all(), key=attrgetter("pk")):
        entries.append(Entry(attempt.at, _past(attempt), attempt.error))
        if attempt.requeued_at:
            entries.append(Entry(attempt.requeued_at, _("queued again")))
    if delivery.finished_at:
        entries.append(Entry(delivery.finished_at, _present(delivery), _why(delivery)))
    entries += [
        Entry(_moment(event, delivery), event.get_kind_display(), event.description)
        for event in sorted(delivery.events.all(), key=attrgetter("pk"))
    ]
    entries.sort(key=lambda entry: entry.at)  # of two at the same moment, the first stays first
    entries += _next(delivery)
    return [entry._replace(detail=mask_tokens(entry.detail)) for entry in entries]


def _moment(event: Event, delivery: Delivery) -> datetime:
    """When an event happened, but not just before the provider had accepted the email.

    Clocks differ, and some providers report whole seconds.
    """
    finished = delivery.finished_at
    if finished and finished - CLOCK_DIFFERENCE < event.happened_at < finished:
        return finished
    return event.happened_at


def _next(delivery: Delivery) -> Iterator[Entry]:
    """What it waits for."""
    if delivery.state != State.QUEUED:
        return
    if delivery.message.held_at:
        yield Entry(delivery.message.held_at, _("on hold"))
    else:
        yield Entry(delivery.not_before, _("next try"))


def _past(attempt: Attempt) -> str:
    words = {
        Attempt.Outcome.REFUSED: _("%(alias)s refused"),
        Attempt.Outcome.SENT: _("sent through %(alias)s"),
        Attempt.Outcome.FAILED: _("failed at %(alias)s"),
        Attempt.Outcome.UNCERTAIN: _("no answer from %(alias)s"),
    }
    return _named(
        words.get(Attempt.Outcome(attempt.outcome)), attempt, attempt.get_outcome_display()
    )


def _present(delivery: Delivery) -> str:
    words = {
        State.SENT: _("sent through %(alias)s"),
        State.FAILED: _("failed at %(alias)s"),
        State.UNCERTAIN: _("no answer from %(alias)s"),
    }
    return _named(words.get(State(delivery.state)), delivery, delivery.get_state_display())


def _named(words: str | None, row: Attempt | Delivery, plain: str) -> str:
    return words % {"alias": row.alias} if words and row.alias else plain


def _why(delivery: Delivery) -> str:
    return ": ".join(filter(None, [_(delivery.reason), delivery.error]))
