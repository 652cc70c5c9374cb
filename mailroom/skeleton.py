"""A message that many get, built once: for each recipient only what is personal is encoded.

Building a MIME message is most of the cost of bulk mail. A skeleton is its bytes with gaps: what
stands between them was encoded when it was built, and a value is encoded by the rules of its gap.
What it can't express is not guessed: NotExpressible sends the caller back to the whole message.
"""

import email.policy
import html
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.core.mail import EmailAlternative
from django.utils.crypto import get_random_string

from mailroom.envelope import headers_of
from mailroom.frozen import thaw_content
from mailroom.mime import READ, Mail, folded
from mailroom.models import Message
from mailroom.personal import OPEN, SLOT, WHOLE, fill
from mailroom.wire_text import (
    NotExpressible,
    has_control,
    header,
    mailbox_header,
    quoted_printable,
)

Values = Mapping[str, str]


class Gap(NamedTuple):
    """Where a slot's value goes into a body."""

    name: str
    is_html: bool


Piece = bytes | Gap


class Skeleton:
    """The bytes of one message for any of its recipients.

    message: one whose deliveries are addressed alone. Raises NotExpressible where its text is not
    UTF-8 or stands where no gap can be.
    """

    def __init__(self, message: Message) -> None:
        self._personal = {
            name: str(value) for name, value in _headers(message).items() if OPEN in str(value)
        }
        self._pieces = _pieces(message, without=self._personal)
        fixed = [piece for piece in self._pieces if isinstance(piece, bytes)]
        self.is_dotless = not any(b"\n." in piece for piece in fixed)
        self._places: dict[Gap, list[int]] = {}  # the same value often stands in several places
        for place, piece in enumerate(self._pieces):
            if isinstance(piece, Gap):
                self._places.setdefault(piece, []).append(place)

    def fill(self, *, name: str, address: str, message_id: str, values: Values) -> bytes:
        """The whole mail to one recipient, with lines that end in CR LF.

        name, address: for To. values: for the slots. Raises NotExpressible where a value needs more
        than its gap allows, LookupError for a slot without a value.
        """
        lines = [mailbox_header("To", name, address), _header("Message-ID", message_id)]
        lines += [_header(name, fill(text, values)) for name, text in self._personal.items()]
        pieces: list[Any] = self._pieces.copy()
        for gap, places in self._places.items():
            quoted = _quoted(gap, _text_for(gap, values))
            for place in places:
                pieces[place] = quoted
        return b"".join([*lines, *pieces])


def _headers(message: Message) -> dict[str, str]:
    return {"Subject": message.subject, **headers_of(message)}


def _header(name: str, text: str) -> bytes:
    """A personal header; those for programs stay in their own words, as in mime.py."""
    if name.lower() in READ:
        return header(name, text)
    line = folded(name, text)
    if line is None:
        raise NotExpressible(f"the header {name}")
    return line.encode()


def _pieces(message: Message, without: Mapping[str, str]) -> list[Piece]:
    """The message as bytes and gaps, less the headers that are each recipient's own."""
    texts: dict[str, tuple[str, bool]] = {}  # mark -> text, is it HTML

    def mark(text: Any, *, is_html: bool) -> str:
        if not isinstance(text, str):
            raise NotExpressible("an alternative that is not text")
        found = f"mark-{get_random_string(24)}"
        texts[found] = text, is_html
        return found

    mail = _unpersonal(message, without)
    mail.body = mark(mail.body, is_html=mail.content_subtype == "html")
    mail.alternatives = [
        EmailAlternative(mark(text, is_html=kind == "text/html"), kind)
        if isinstance(text, str) and kind.startswith("text/")
        else EmailAlternative(text, kind)
        for text, kind in mail.alternatives
    ]
    pieces: list[Piece] = []
    rest = _as_quoted_printable(mail, texts)
    for found, (text, is_html) in texts.items():
        before, marked, rest = rest.partition(found.encode() + b"\r\n")
        if not marked:
            raise NotExpressible("a body that the message does not show")
        pieces += [before, *_text(text, is_html=is_html)]
    return [*pieces, rest]


def _unpersonal(message: Message, without: Mapping[str, str]) -> Mail:
    headers = {name: value for name, value in headers_of(message).items() if name not in without}
    mail = Mail(
        subject="" if "Subject" in without else message.subject,
        body=message.body,
        from_email=message.from_email,
        reply_to=message.reply_to,
        headers={**headers, "Message-ID": "<>"},
    )
    thaw_content(mail, message.content)
    if mail.encoding not in {None, "utf-8"}:
        raise NotExpressible(f"the encoding {mail.encoding}")
    return mail


def _as_quoted_printable(mail: Mail, marks: Mapping[str, Any]) -> bytes:
    """The mail's bytes, the parts that hold a mark announced as quoted-printable."""
    mime = mail.message(policy=email.policy.SMTP)
    for part in mime.walk():
        if not part.is_multipart() and str(part.get_payload()).strip() in marks:
            del part["Content-Transfer-Encoding"]
            part["Content-Transfer-Encoding"] = "quoted-printable"
    del mime["Message-ID"]
    if not mail.subject:
        del mime["Subject"]
    whole: bytes = mime.as_bytes()
    return whole


def _text(text: str, *, is_html: bool) -> list[Piece]:
    """A body as quoted-printable, with a gap for each slot.

    Before and after a gap stands a soft line break, so that each side is encoded by itself.
    """
    pieces: list[Piece] = []
    position = 0
    for match in SLOT.finditer(text):
        pieces += [_before_gap(text[position : match.start()]), Gap(match[1], is_html)]
        position = match.end()
    last = quoted_printable(text[position:])
    return [*pieces, last if last.endswith(b"\r\n") else last + b"\r\n"]


def _before_gap(text: str) -> bytes:
    if text.endswith("\r"):
        # Where the gap's value is empty, it makes one line end with the LF behind the gap.
        raise NotExpressible("a lone CR before a slot")
    encoded = quoted_printable(text)
    return encoded if not encoded or encoded.endswith(b"\r\n") else encoded + b"=\r\n"


def _text_for(gap: Gap, values: Values) -> str:
    try:
        text = str(values[gap.name])
    except KeyError:
        raise LookupError(f"the slot {gap.name!r} has no value") from None
    return html.escape(text) if gap.is_html and gap.name not in WHOLE else text


def _quoted(gap: Gap, text: str) -> bytes:
    if gap.name in WHOLE:
        return _whole(text)
    if has_control(text):
        raise NotExpressible(f"a control character in {gap.name}")
    return quoted_printable(text) + b"=\r\n"


def _whole(text: str) -> bytes:
    """A whole body as the value of its only slot; it has lines, as no other value may."""
    if has_control(text.replace("\n", "").replace("\t", "")):
        raise NotExpressible("a control character in a body")
    encoded = quoted_printable(text)
    return encoded if encoded.endswith(b"\r\n") else encoded + b"=\r\n"
