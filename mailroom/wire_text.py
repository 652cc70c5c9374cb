"""Text as it stands in a mail: quoted-printable bodies, encoded headers, addresses."""

import binascii
import re

from mailroom.addresses import is_plain_address

LINE = 78  # RFC 5322 section 2.1.1: what a line should not exceed
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
        parts = [text[at : at + QUOTED_LINE] for at in range(0, len(text), QUOTED_LINE)]
        if not any(part[0] == "." for part in parts):  # names and signed links
            return "=\r\n".join(parts).encode()
    lines = text.encode().splitlines(keepends=True)
    return b"".join(_quoted_line(line) for line in lines)


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
