"""CommonMark with tables, strikethrough and bare links, and no HTML of the editor's own."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from newsletters.markdown.placeholders import NAME

_WWW = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[/?#](?:[^\s<>\"{}|]*[^\s<>\"{}|.,;:!?)'\]])?)?")
LONGEST_ADDRESS = 2_000  # characters; without an end, "www." again and again would take long
_WHOLE_LINK = re.compile(rf"\{{{NAME}\}}")


@lru_cache(maxsize=4)  # a text is checked, then written as HTML and as text
def parse_markdown(body: str) -> tuple[Token, ...]:
    """The tokens of a text, not to be changed. Placeholders in links stay as they were typed."""
    return tuple(_markdown.parse(body))


def inline_tokens(tokens: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """Each token inside paragraphs, headings and cells, with the line of the text it is on."""
    for block in tokens:
        line = block.map[0] + 1 if block.map else 1
        for token in block.children or []:
            yield line, token
            line += token.type in ("softbreak", "hardbreak")


def _www_length(linkify: Any, text: str, start: int) -> int:
    """How many characters after "www." belong to the address."""
    found = _WWW.match(text, start, start + LONGEST_ADDRESS)
    return len(found[0]) if found else 0


def _with_scheme(linkify: Any, found: Any) -> None:
    found.url = f"https://{found.url}"


def _normalise_link(url: str) -> str:
    return url if _WHOLE_LINK.fullmatch(url) else _escape_link(url)


_markdown = MarkdownIt("commonmark", {"html": False, "linkify": True})
_markdown.enable(["table", "strikethrough", "linkify"])
assert _markdown.linkify
# Only what is meant as an address: "readme.md", "1.2.3.4" and "//comment" are none.
_markdown.linkify.add("//", None)
_markdown.linkify.add("www.", {"validate": _www_length, "normalize": _with_scheme})
# Its own test looks for a full stop, which every sentence has: a third of the parsing time.
_markdown.linkify.pretest = re.compile(r"://|www\.|@|mailto:", re.IGNORECASE).search
_markdown.linkify.set({"fuzzy_link": False, "fuzzy_ip": False, "fuzzy_email": True})
_escape_link = _markdown.normalizeLink
_markdown.normalizeLink = _normalise_link
OPTIONS = _markdown.options
