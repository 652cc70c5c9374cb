"""Credentials, found in every spelling that a provider's reply or a log line may have them in.

Imports nothing but Django, as `outcomes`, which puts *** in place of them.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

SECRET_NAME = re.compile(r"pass|key|token|secret", re.IGNORECASE)
SHORTEST_SECRET = 4  # characters; what is shorter is found in ordinary words
SHORTEST_PART = 8  # characters of base64, likewise


def hide(text: str) -> str:
    """The text with *** in place of the credentials in MAILERS."""
    return _of_mailers().sub("***", text)


@cache
def _of_mailers() -> re.Pattern[str]:
    return pattern(*credentials(getattr(settings, "MAILERS", {})))


def credentials(mailers: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """The secrets in the OPTIONS of mailers, and the names of users they belong to."""
    pairs = [pair for entry in mailers.values() for pair in _leaves(entry.get("OPTIONS", {}))]
    users = [value for name, value in pairs if name in {"username", "user"}]
    return [value for name, value in pairs if SECRET_NAME.search(name)], users


def _leaves(options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and texts of options; those of boto3 are one level below."""
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif isinstance(value, str) and value:
            yield name, value


def pattern(
    secrets: Iterable[str], users: Iterable[str] = (), shortest: int = SHORTEST_SECRET
) -> re.Pattern[str]:
    """Matches each secret as it is and as URLs, JSON, HTML, Python and base64 have it.

    users: names that stand before a secret in base64, as AUTH PLAIN (RFC 4616) and HTTP Basic (RFC
    7617) have it. shortest: secrets below this number of characters are left out.
    """
    kept = {one for one in secrets if len(one) >= shortest}
    in_base64 = set()
    for user, secret in product({"", "api", *users}, kept):
        in_base64 |= {secret, f"{user}:{secret}"}
        in_base64 |= {f"{identity}\0{user}\0{secret}" for identity in ("", user)}
    coded = {_base64(one) for one in in_base64}.union(*map(_parts, kept))
    longest_first = sorted([*kept, *coded], key=len, reverse=True)
    # The padding of base64 may be left out.
    spelled = (f"{_spelled(one)}{PADDING if one in coded else ''}" for one in longest_first)
    return re.compile("|".join(spelled) or r"(?!)")


PADDING = "(?:=|(?i:%3d)){0,2}"


def _base64(text: str, before: int = 0) -> str:
    return base64.b64encode(bytes(before) + text.encode(errors="replace")).decode().rstrip("=")


def _parts(secret: str) -> Iterator[str]:
    """What base64 makes of a secret in the middle of anything else, at each of three places."""
    length = len(secret.encode(errors="replace"))
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        part = _base64(secret, before)[unsure : (before + length) * 8 // 6]
        if len(part) >= SHORTEST_PART:
            yield part


def _spelled(text: str) -> str:
    # Backslashes are escaped by more of them: a run is matched as a whole.
    parts = re.findall(r"\\+|[^\\]", text)
    return "".join(_run(len(one)) if one[0] == "\\" else _spellings(one) for one in parts)


MOST = 8  # escapes of escapes; without an end, a long run of them would take long to match
SLASHES = rf"\\{{0,{MOST}}}+"
ESCAPED = rf"\\{{1,{MOST}}}+"
AMPERSAND = f"&(?:amp;){{0,{MOST}}}"
PERCENT = f"%(?:25){{0,{MOST}}}"
IN_BASE64 = {" ": r"[ +]", "+": r"[+-]", "/": r"[/_]"}  # it has two alphabets; + is a form's space
LETTERS = {"\n": "n", "\r": "r", "\t": "t"}
ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def _run(number: int) -> str:
    """A pattern for so many backslashes."""
    coded = rf"{PERCENT}5c|{AMPERSAND}#(?:0*92|x0*5c);|\\u005c"
    return rf"(?:\\{{{number},{MOST * (number + 1)}}}+|(?i:{coded}){{{number}}})"


@cache
def _spellings(character: str) -> str:
    """A pattern for a character as it is, and as texts encode it once or several times."""
    if character.isascii() and character.isalnum():
        return character
    code, utf8 = ord(character), character.encode(errors="replace")
    octets = [utf8] + ([character.encode("latin-1")] if code < 0x100 else [])
    plain = {f"{AMPERSAND}#(?:0*{code}|x0*{code:x});"}
    plain |= {"".join(f"{PERCENT}{one:02x}" for one in some) for some in octets}
    if character in ENTITIES:
        plain.add(f"{AMPERSAND}{ENTITIES[character]};")
    for charset in ("latin-1", "cp1252"):  # UTF-8 that is read as another
        with suppress(UnicodeDecodeError):
            plain.add(re.escape(utf8.decode(charset)))
    escaped = {f"u{code:04x}", f"U{code:08x}", f"u{{{code:x}}}", LETTERS.get(character, "")} - {""}
    escaped |= {ESCAPED.join(f"x{one:02x}" for one in some) for some in octets}
    if code > 0xFFFF:
        high, low = divmod(code - 0x10000, 0x400)
        escaped.add(f"u{0xD800 + high:04x}{ESCAPED}u{0xDC00 + low:04x}")
    own = IN_BASE64.get(character, re.escape(character))
    return (
        rf"(?:{SLASHES}(?:{own}|(?i:{'|'.join(sorted(plain))}))"
        rf"|{ESCAPED}(?i:{'|'.join(sorted(escaped))}))"
    )


@receiver(setting_changed)
def _read_again(*, setting: str, **_: object) -> None:
    """As Django's own caches of settings do: it is sent by tests alone."""
    if setting == "MAILERS":
        _of_mailers.cache_clear()
