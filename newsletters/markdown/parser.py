"""CommonMark with tables and strikethrough, and no HTML of the editor's own."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from newsletters.markdown.placeholders import NAME

_WHOLE_LINK = re.compile(rf"\{{{NAME}\}}")


@lru_cache(maxsize=4)  # a text is checked, then written as HTML and as text
def parse(body: str) -> tuple[Token, ...]:
    """The tokens of a text, not to be changed. Placeholders in links stay as they were typed."""
    return tuple(_markdown.parse(body))


def inline_tokens(tokens: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """Each token inside paragraphs, headings and cells, with the line of the text it is on."""
    for block in tokens:
        line = block.map[0] + 1 if block.map else 1
        for token in block.children or []:
            yield line, token
            line += token.type in ("softbreak", "hardbreak")


def _normalise_link(url: str) -> str:
    return url if _WHOLE_LINK.fullmatch(url) else _escape_link(url)


_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_escape_link = _markdown.normalizeLink
_markdown.normalizeLink = _normalise_link
OPTIONS = _markdown.options
