"""One render for all readers where that is the truth, and one for each where it isn't.

A message is rendered once with slots where personal values will stand. That only works while its
template does nothing with them but put them out: a test, a loop or a filter would be decided for
all readers by the slot. So the template's nodes are looked at and a few renders are compared; where
slots don't suffice, the whole subject, text and HTML become slots, filled by a render for each.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from html.parser import HTMLParser

from mailroom.messages import TemplatedMessage
from mailroom.models import Message
from mailroom.personal import WHOLE_HTML, WHOLE_SUBJECT, WHOLE_TEXT, fill, slot
from mailroom.template_uses import misused

logger = logging.getLogger(__name__)

Values = Mapping[str, str]
Make = Callable[[Values], TemplatedMessage]


def personalised(make: Make, names: Iterable[str], samples: Iterable[Values]) -> TemplatedMessage:
    """The message with slots, to be frozen for everybody.

    make: renders a message for given values of `names`. samples: values of a few readers, to
    compare. Where slots would not say the same as a render for each, that is logged, and the
    readers' `personal` hook must add what `whole_values` returns.
    """
    message = make({name: slot(name) for name in names})
    message.render()
    if reason := _unfit(message, make, set(names), samples):
        logger.warning("%s is rendered for each reader: %s", message.type, reason)
        message.subject, message.body = slot(WHOLE_SUBJECT), slot(WHOLE_TEXT)
        message.html = slot(WHOLE_HTML) if message.html else ""
        message.alternatives = []
        message._attach_body()
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
    message: TemplatedMessage, make: Make, names: set[str], samples: Iterable[Values]
) -> str:
    """Why slots don't suffice; "" where they do."""
    if found := misused(message.template_name, names):
        return f"its template does more with {', '.join(sorted(found))} than put it out"
    for values in samples:
        whole = make(values)
        whole.render()
        if _filled(message, values) != _as_it_is(whole):
            return "a sample came out differently"
    return ""


def _filled(message: TemplatedMessage, values: Values) -> list[object]:
    html = fill(str(message.html or ""), values, html=True)
    return _comparable(fill(str(message.subject), values), fill(str(message.body), values), html)


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
