"""Credentials, found in every spelling that a provider's reply or a log line may have them in.

Imports nothing but Django, as `outcomes`, which puts *** in place of them.
"""

import base64
import html
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
    return "".join(map(_spellings, text))


MOST = 8  # escapes of escapes; without an end, a run of backslashes would take long to match
SLASHES = rf"\\{{0,{MOST}}}"
LETTERS = {"\n": "n", "\r": "r", "\t": "t"}


@cache
def _spellings(character: str) -> str:
    """A pattern for a character as it is, and as texts encode it once or several times."""
    if character.isascii() and character.isalnum():
        return character
    code, utf8 = ord(character), character.encode(errors="replace")
    bytes_of = [utf8]
    with suppress(UnicodeEncodeError):
        bytes_of.append(character.encode("latin-1"))
    coded = {f"&(?:amp;){{0,{MOST}}}#(?:0*{code}|x0*{code:x});"}
    coded.add(rf"\\{{1,{MOST}}}(?:x{code:02x}|u{code:04x}|u\{{{code:x}\}}|U{code:08x})")
    if code > 0xFFFF:
        high, low = 0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code - 0x10000 & 0x3FF)
        coded.add(rf"\\{{1,{MOST}}}u{high:04x}\\{{1,{MOST}}}u{low:04x}")
    for octets in bytes_of:
        coded.add("".join(f"%(?:25){{0,{MOST}}}{one:02x}" for one in octets))
        coded.add("".join(rf"\\{{1,{MOST}}}x{one:02x}" for one in octets))
    entity = html.escape(character)
    if entity != character:
        coded.add(f"&(?:amp;){{0,{MOST}}}{entity[1:]}")
    for charset in ("latin-1", "cp1252"):  # UTF-8 that is read as another
        with suppress(UnicodeDecodeError):
            coded.add(re.escape(utf8.decode(charset)))
    if character in LETTERS:
        coded.add(rf"\\{{1,{MOST}}}{LETTERS[character]}")
    if character == '"':
        coded.add(f"&(?:amp;){{0,{MOST}}}quot;")
    if character == "'":
        coded.add(f"&(?:amp;){{0,{MOST}}}apos;")
    plain = {" ": r"[ +]", "+": r"[+-]", "/": r"[/_]"}  # base64 has two alphabets
    own = plain.get(character, re.escape(character))
    if character == "\\":
        own = rf"\\{{1,{MOST}}}"
    return rf"{SLASHES}(?:{own}|(?i:{'|'.join(sorted(coded))}))"


@receiver(setting_changed)
def _read_again(*, setting: str, **_: object) -> None:
    """As Django's own caches of settings do: it is sent by tests alone."""
    if setting == "MAILERS":
        _of_mailers.cache_clear()
