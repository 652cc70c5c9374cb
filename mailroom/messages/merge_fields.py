"""One render for all readers where that is the truth, and one for each where it isn't.

A message is rendered once with slots where personal values will stand. That only works while its
template does nothing with them but put them out: a test, a loop or a filter would be decided for
all readers by the slot. So slots notice what is asked of them, and a few renders are compared;
where they don't suffice, the whole subject, text and HTML become slots, filled by a render for
each.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html.parser import HTMLParser

from django.utils.html import escape

from mailroom.messages import TemplatedMessage
from mailroom.models import Message

OPEN, CLOSE = "\ue000", "\ue001"
# Whole texts as slots, for a message that is rendered for each: they hold markup already.
WHOLE_SUBJECT, WHOLE_TEXT, WHOLE_HTML = "whole_subject", "whole_text", "whole_html"
WHOLE = {WHOLE_SUBJECT, WHOLE_TEXT, WHOLE_HTML}
SLOT = re.compile(f"{OPEN}([a-z_]+){CLOSE}")


def slot(name: str) -> str:
    """The stand-in for a personal value; `name` is in lower case with underscores."""
    return f"{OPEN}{name}{CLOSE}"


def fill_slots(text: str, values: Mapping[str, str], *, html: bool = False) -> str:
    """Put the values in their slots, escaped where the text is HTML.

    Raises LookupError for a slot that has no value.
    """

    def value(match: re.Match[str]) -> str:
        try:
            found = str(values[match[1]])
        except KeyError:
            raise LookupError(f"the slot {match[1]!r} has no value") from None
        return escape(found) if html and match[1] not in WHOLE else found

    return SLOT.sub(value, text) if OPEN in text else text


def slots_in(text: str) -> set[str]:
    """The names of the slots in a text."""
    return set(SLOT.findall(text)) if OPEN in text else set()


def shown(text: str) -> str:
    """The text for a person to read who is none of its recipients: each slot as `{name}`."""
    return SLOT.sub(r"{\1}", text)


logger = logging.getLogger(__name__)

Values = Mapping[str, str]
Make = Callable[[Values], TemplatedMessage]


# Beside the readers' own: a value that is missing, and one that every filter changes.
PROBES = ["", "  ada \tO'B. <Zoë & co>, 3.5\n"]


class _Slot(str):
    """A slot that notes in `asked` when something is decided by it."""

    asked: set[str]
    name: str

    def _note[T](self, answer: T) -> T:
        self.asked.add(self.name)
        return answer

    def __bool__(self) -> bool:
        return self._note(True)

    def __len__(self) -> int:
        return self._note(super().__len__())

    def __eq__(self, other: object) -> bool:
        return self._note(super().__eq__(other))

    def __iter__(self) -> Iterator[str]:
        return self._note(super().__iter__())

    __hash__ = str.__hash__


def personalised(make: Make, names: Iterable[str], samples: Iterable[Values]) -> TemplatedMessage:
    """The message with slots, to be frozen for everybody.

    make: renders a message for given values of `names`. samples: values of a few readers, to
    compare. Where slots would not say the same as a render for each, that is logged, and the
    readers' `personal` hook must add what `whole_values` returns.
    """
    asked: set[str] = set()
    slots = {name: _Slot(slot(name)) for name in names}
    for name, one in slots.items():
        one.name, one.asked = name, asked
    message = make(slots)
    message.render()
    made_up = [dict.fromkeys(slots, value) for value in PROBES]
    if reason := _unfit(message, make, asked, [*samples, *made_up]):
        logger.warning("%s is rendered for each reader: %s", message.type, reason)
        message.subject, message.body = slot(WHOLE_SUBJECT), slot(WHOLE_TEXT)
        message.html = slot(WHOLE_HTML) if message.html else ""
        message.alternatives = []
        message.attach_html()
    return message


def is_rendered_each(message: Message) -> bool:
    """True for a frozen message whose slots did not suffice."""
    return message.subject == slot(WHOLE_SUBJECT)


def whole_values(message: TemplatedMessage) -> dict[str, str]:
    """What fills the slots of a message that is rendered for each: this render of it."""
    message.render()
    html = str(message.html or "")
    return {WHOLE_SUBJECT: str(message.subject), WHOLE_TEXT: str(message.body), WHOLE_HTML: html}


def _unfit(
    message: TemplatedMessage, make: Make, asked: set[str], samples: Iterable[Values]
) -> str:
    """Why slots don't suffice; "" where they do."""
    if asked:
        return f"its template does more with {', '.join(sorted(asked))} than put it out"
    for values in samples:
        whole = make(values)
        whole.render()
        if _filled(message, values) != _as_it_is(whole):
            return "a sample came out differently"
    return ""


def _filled(message: TemplatedMessage, values: Values) -> list[object]:
    html = fill_slots(str(message.html or ""), values, html=True)
    return _comparable(
        fill_slots(str(message.subject), values), fill_slots(str(message.body), values), html
    )


def _as_it_is(message: TemplatedMessage) -> list[object]:
    return _comparable(str(message.subject), str(message.body), str(message.html or ""))


def _comparable(subject: str, text: str, html: str) -> list[object]:
    """An empty value at an end leaves a blank there, which a render strips."""
    return [subject.strip(), text.strip(), _tokens(html)]


class _Tokens(HTMLParser):
    """Tags and texts: the same character may be written in several ways in HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def _tokens(html: str) -> list[object]:
    parser = _Tokens()
    parser.feed(html)
    parser.close()
    return parser.found
