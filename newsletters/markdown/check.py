"""What is wrong with a text, each fault with its line, before anybody gets it."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from markdown_it.token import Token

from newsletters.markdown.parser import inline_tokens, parse_markdown
from newsletters.markdown.placeholders import KNOWN, LINKS, PLACEHOLDER, TEXT_PLACEHOLDERS, used_in

# Rendering time grows with both: at these limits a preview takes less than a second.
MAX_CHARACTERS = 200_000
MAX_CELLS = 5_000  # of all tables together
MAX_WRITTEN_OUT = 5_000_000  # characters of links that are defined once and used often
MAX_FAULTS = 20  # listed at once

_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def validate_body(body: str) -> None:
    """Raise ValidationError if a body is too large, or for placeholders and links that are wrong.

    The first MAX_FAULTS are listed, each with its line.
    """
    if fault := size_fault(body):
        raise ValidationError(fault)
    _raise_for(_faults(body))


def validate_text(text: str) -> None:
    """Raise ValidationError if a plain text is too large, or for unknown placeholders."""
    if len(text) > MAX_CHARACTERS:
        raise ValidationError(_too_long(text))
    lines = enumerate(text.splitlines(), 1)
    _raise_for((line, fault) for line, words in lines for fault in _unknown(words))


def size_fault(body: str) -> str:
    """Return why a body takes too long to render; "" if it does not. Does not parse it."""
    if len(body) > MAX_CHARACTERS:
        return _too_long(body)
    # Markdown fills up short rows: each line of a table counts with its widest row.
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    blocks = [block.split("\n") for block in _BLANK_LINE.split(text) if "|" in block]
    cells = sum(max(line.count("|") for line in lines) * len(lines) for lines in blocks)
    if cells > MAX_CELLS:
        sentence = _("The tables have about %(cells)s cells; at most %(most)s are possible.")
        return sentence % {"cells": cells, "most": MAX_CELLS}
    # `[1]: address "title"` ends with its paragraph, and is written out wherever [1] is used.
    longest = max((len(block) for block in _BLANK_LINE.split(text) if "]:" in block), default=0)
    if longest * text.count("]") > MAX_WRITTEN_OUT:
        return _("Links that are defined once are used too often. Please write some of them out.")
    return ""


def _too_long(text: str) -> str:
    sentence = _("The text has %(length)s characters; at most %(most)s are possible.")
    return sentence % {"length": len(text), "most": MAX_CHARACTERS}


def _raise_for(found: Iterator[tuple[int, str]]) -> None:
    faults = [
        _("Line %(line)s: %(fault)s") % {"line": line, "fault": fault}
        for line, fault in islice(found, MAX_FAULTS)
    ]
    if faults:
        raise ValidationError(faults)


def validate_subject(subject: str) -> None:
    """A subject may greet the reader; a link makes no sense in it."""
    for name in sorted(used_in(subject) - set(TEXT_PLACEHOLDERS)):
        raise ValidationError(_("{%(name)s} can’t be used in a subject.") % {"name": name})


# What looks like HTML. It is shown to readers as it was typed.
_TAG = re.compile(r"</?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>|<!--|<!DOCTYPE", re.IGNORECASE)


def visible_tags(body: str) -> list[tuple[int, str]]:
    """The line and the text of each tag that readers would see; code that is fenced is meant."""
    found = []
    for block in parse_markdown(body):
        text = block.content if block.type == "code_block" else _shown_text(block.children or [])
        line = block.map[0] + 1 if block.map else 1
        found += [(line + text.count("\n", 0, tag.start()), tag[0]) for tag in _TAG.finditer(text)]
    return found


def _shown_text(tokens: Sequence[Token]) -> str:
    """The text of a block as it was typed, line by line, without its code."""
    breaks = ("softbreak", "hardbreak")
    parts = ("\n" if one.type in breaks else one.content for one in tokens)
    return "".join(
        " " if one.type in ("code_inline", "image") else part
        for one, part in zip(tokens, parts, strict=True)
    )


def _faults(body: str) -> Iterator[tuple[int, str]]:
    for line, token in inline_tokens(parse_markdown(body)):
        if token.type == "text":
            yield from ((line, fault) for fault in _unknown(token.content))
        elif token.type == "link_open":
            yield from ((line, fault) for fault in _link_faults(str(token.attrs["href"])))
        elif token.type == "image":
            yield from ((line, fault) for fault in _unknown(token.content))
            yield from ((line, fault) for fault in _image_faults(str(token.attrs["src"])))


def _unknown(text: str) -> Iterator[str]:
    for name in PLACEHOLDER.findall(text):
        if name not in KNOWN:
            known = ", ".join(f"{{{name}}}" for name in KNOWN)
            yield _("there is no placeholder {%(name)s}. There are: %(known)s.") % {
                "name": name,
                "known": known,
            }


def _link_faults(url: str) -> Iterator[str]:
    if found := PLACEHOLDER.fullmatch(url):
        if found[1] not in LINKS:
            yield _("{%(name)s} is not a link.") % {"name": found[1]}
    elif "%7B" in url and used_in(url.replace("%7B", "{").replace("%7D", "}")):
        yield _("a placeholder must be the whole link, not a part of it: %(url)s.") % {"url": url}
    elif not _is_absolute(url, "http", "https", "mailto", "tel"):
        yield _relative(url)


def _image_faults(url: str) -> Iterator[str]:
    if not _is_absolute(url, "http", "https"):
        yield _relative(url)


def _relative(url: str) -> str:
    return _("%(url)s is not an absolute link, so it won’t work in an email.") % {
        "url": url or "()"
    }


def _is_absolute(url: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in ("http", "https") else parts.path
    except ValueError:
        return False
    return parts.scheme in schemes and bool(host)
