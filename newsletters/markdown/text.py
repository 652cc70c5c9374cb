"""Markdown to plain text that a person would read, from the same tokens as the HTML."""

from collections.abc import Iterator, Mapping
from textwrap import indent

from markdown_it.token import Token

from newsletters.markdown.parser import parse_markdown
from newsletters.markdown.placeholders import fill_marks, mark, mark_link

TABLE_WIDTH = 72  # characters of a line in a table
RULE = "-" * 40
UNDERLINES = {"h1": "=", "h2": "-"}
AROUND = {"strong_open": "*", "em_open": "_", "s_open": "~"}

# An iterator stands behind the token that opens a block; who reads the block reads its end too.
Tokens = Iterator[Token]


def render_text(body: str, values: Mapping[str, str]) -> str:
    """The text of a text with the placeholders filled: links as `text (url)`, tables aligned."""
    return fill_marks("\n\n".join(_blocks(iter(parse_markdown(body)))), values, str)


def _blocks(tokens: Tokens) -> list[str]:
    """Each block up to the end of the one around them."""
    found = []
    for token in tokens:
        if token.nesting < 0:
            break
        found.append(_block(token, tokens))
    return [text for text in found if text]


def _block(token: Token, tokens: Tokens) -> str:
    match token.type:
        case "heading_open":
            (text,), underline = _blocks(tokens) or [""], UNDERLINES.get(token.tag)
            return f"{text}\n{underline * min(len(text), TABLE_WIDTH)}" if underline else text
        case "bullet_list_open" | "ordered_list_open":
            return _list(token, tokens)
        case "blockquote_open":
            lines = "\n\n".join(_blocks(tokens)).split("\n")
            return "\n".join(f"> {line}".rstrip() for line in lines)
        case "table_open":
            return _table(tokens)
        case "fence" | "code_block":
            return indent(token.content.rstrip("\n"), "    ")
        case "hr":
            return RULE
        case "inline":
            return _inline(iter(token.children or []))
    return "\n\n".join(_blocks(tokens))


def _list(token: Token, tokens: Tokens) -> str:
    """A list without blank lines between its items where the Markdown has none (`hidden`)."""
    items, is_tight = [], True
    for item in tokens:
        if item.nesting < 0:
            break
        blocks = []
        for part in tokens:
            if part.nesting < 0:
                break
            is_tight = is_tight and (part.type != "paragraph_open" or part.hidden)
            blocks.append(_block(part, tokens))
        items.append([text for text in blocks if text])
    between = "\n" if is_tight else "\n\n"
    start, written = int(token.attrs.get("start", 1)), []
    for number, parts in enumerate(items, start):
        bullet = f"{number}. " if token.type == "ordered_list_open" else "- "
        text = indent(between.join(parts), " " * len(bullet))
        written.append(bullet + text[len(bullet) :])
    return between.join(written)


def _table(tokens: Tokens) -> str:
    """Columns side by side where they fit on a line, else row by row with the heads as labels."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_inline(iter(token.children or [])))
    head, *others = rows
    widths = [max(map(len, column)) for column in zip(*rows, strict=False)]
    if sum(widths) + 2 * (len(widths) - 1) > TABLE_WIDTH:
        return "\n\n".join(_labelled(head, row) for row in others)
    lines = [head, ["-" * width for width in widths], *others]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        for line in lines
    )


def _labelled(head: list[str], row: list[str]) -> str:
    pairs = zip(head, row, strict=False)
    return "\n".join(f"{label}: {cell}" if label else cell for label, cell in pairs if cell)


def _inline(tokens: Tokens) -> str:
    """What is on a line, up to the end of the link or emphasis around it."""
    parts = []
    for token in tokens:
        if token.nesting < 0:
            break
        match token.type:
            case "text":
                parts.append(mark(token.content))
            case "code_inline":
                parts.append(token.content)
            case "softbreak":
                parts.append(" ")
            case "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(f"[{_inline(iter(token.children or [])) or token.attrs['src']}]")
            case "link_open":
                parts.append(_link(str(token.attrs["href"]), _inline(tokens)))
            case kind if token.nesting > 0:
                edge = AROUND.get(kind, "")
                parts.append(f"{edge}{_inline(tokens)}{edge}")
    return "".join(parts)


def _link(href: str, text: str) -> str:
    url = mark_link(href)
    shown = url.removeprefix("mailto:").removeprefix("tel:")
    return shown if text in (url, shown) or not text else f"{text} ({shown})"
