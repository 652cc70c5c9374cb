"""A message that many get, built once: for each recipient only what is personal is encoded.

Building a MIME message is most of the cost of bulk mail. A skeleton is its bytes with gaps: what
stands between them was encoded when it was built, and a value is encoded by the rules of its gap.
What it can't express is not guessed: NotExpressible sends the caller back to the whole message.
"""

import binascii
import email.policy
import html
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.core.mail import EmailAlternative
from django.utils.crypto import get_random_string

from mailroom.addresses import is_plain_address
from mailroom.messages.merge_fields import OPEN, SLOT, WHOLE, Values, fill_slots
from mailroom.messages.serializers import LINE, READ, Mail, folded, headers_of, thaw_content
from mailroom.models import Message


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
        lines += [_header(name, fill_slots(text, values)) for name, text in self._personal.items()]
        pieces: list[Any] = self._pieces.copy()
        quoted: dict[tuple[str, str], bytes] = {}  # most values are the same in text and HTML
        for gap, places in self._places.items():
            text = _text_for(gap, values)
            if (known := (gap.name, text)) not in quoted:
                quoted[known] = _quoted(gap, text)
            for place in places:
                pieces[place] = quoted[known]
        return b"".join([*lines, *pieces])


def _headers(message: Message) -> dict[str, str]:
    return {"Subject": message.subject, **headers_of(message)}


def _header(name: str, text: str) -> bytes:
    """A personal header; those for programs stay in their own words, as in serializers.py."""
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


# -- Text as it is written in an email ---------------------------------------------------------


WORD_BYTES = 45  # 60 characters of base64: an encoded word has at most 75 (RFC 2047 section 2)
QUOTED_LINE = 75  # RFC 2045 section 6.7, rule 5: at most 76 with the sign of a soft break
ATOM = re.compile(rb"=[0-9A-F]{2}|.", re.DOTALL)
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class NotExpressible(Exception):  # noqa: N818  (a decision, not an error)
    """A skeleton can't say this exactly as the whole message would: build that one."""


def quoted_printable(text: str) -> bytes:
    """Text as quoted-printable (RFC 2045 section 6.7) in UTF-8; line ends become CR LF.

    A last line without an end stays without one.
    """
    if text.isascii() and text.isprintable() and "=" not in text and not text.endswith(" "):
        lines = [text[at : at + QUOTED_LINE] for at in range(0, len(text), QUOTED_LINE)]
        encoded = "=\r\n".join(lines).encode()
        if not encoded.startswith(b".") and b"\n." not in encoded:  # names and signed links
            return encoded
    return b"".join(map(_quoted_line, text.encode().splitlines(keepends=True)))


def has_control(text: str) -> bool:
    """Whether a text has a character that ends a line or that no mail may hold."""
    return not text.isprintable() and bool(CONTROLS.search(text))


def _quoted_line(line: bytes) -> bytes:
    bare = line.rstrip(b"\r\n")
    end = b"\r\n" if len(bare) < len(line) else b""
    encoded = binascii.b2a_qp(bare).replace(b"=\n", b"=\r\n")
    if encoded.startswith(b".") or b"\n." in encoded:
        encoded = _without_dots(encoded)
    return encoded + end


def _without_dots(encoded: bytes) -> bytes:
    """One encoded line whose dots are encoded too: none can then begin a line and be doubled."""
    atoms = ATOM.findall(encoded.replace(b"=\r\n", b"").replace(b".", b"=2E"))
    lines, current = [], b""
    for atom in atoms:
        if len(current) + len(atom) > QUOTED_LINE:
            lines.append(current)
            current = b""
        current += atom
    return b"=\r\n".join([*lines, current])


def header(name: str, text: str) -> bytes:
    """An unstructured header line, encoded (RFC 2047) where it is not short and plain.

    Raises NotExpressible for control characters, which a header can't hold, and for what looks
    encoded already.
    """
    line = f"{name}: {_plain_or_words(text)}\r\n"
    return line.encode("ascii")


def _plain_or_words(text: str) -> str:
    if not text.isprintable() or "=?" in text:
        raise NotExpressible("a character that a header can't hold as it is")
    is_plain = text.isascii() and text == text.strip()
    return text if is_plain and len(text) < LINE - 20 else encoded_words(text)


def encoded_words(text: str) -> str:
    """Text as encoded words, one a line; no character is cut in two."""
    words, current = [], b""
    for character in text:
        encoded = character.encode()
        if len(current) + len(encoded) > WORD_BYTES:
            words.append(current)
            current = b""
        current += encoded
    words.append(current)
    return "\r\n ".join(map(_word, words))


def _word(data: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(data, newline=False).decode()}?="


def mailbox_header(header_name: str, name: str, address: str) -> bytes:
    """`To: "Name" <address>` (RFC 5322 section 3.4).

    Raises NotExpressible for an address beyond the plain ASCII of RFC 5321 section 4.1.2, and for a
    name that a header can't hold as it is.
    """
    if not is_plain_address(address):
        raise NotExpressible("an address that is not plain ASCII")
    if not name:
        return f"{header_name}: {address}\r\n".encode()
    if not name.isprintable() or "=?" in name or name != name.strip():
        raise NotExpressible("a name that a header can't hold as it is")
    if len(name.encode()) > WORD_BYTES:
        raise NotExpressible("a name longer than one encoded word")
    quoted = name.replace("\\", r"\\").replace('"', r"\"")
    shown = f'"{quoted}"' if name.isascii() else _word(name.encode())
    return f"{header_name}: {shown}\r\n <{address}>\r\n".encode()
