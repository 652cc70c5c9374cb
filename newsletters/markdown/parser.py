"""CommonMark with tables and strikethrough, and no HTML of the editor's own."""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from newsletters.markdown.placeholders import NAME

_WHOLE_LINK = re.compile(rf"\{{{NAME}\}}")


def parse(body: str) -> list[Token]:
    """The tokens of a text. Placeholders in links stay as they were typed."""
    return _markdown.parse(body)


def write_html(tokens: list[Token]) -> str:
    """The HTML of tokens, not yet sanitised."""
    return str(_markdown.renderer.render(tokens, _markdown.options, {}))


def inline_tokens(tokens: list[Token]) -> Iterator[tuple[int, Token]]:
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
