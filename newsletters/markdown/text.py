"""Markdown to plain text that a person would read."""

from collections.abc import Callable, Mapping
from textwrap import indent

from markdown_it.tree import SyntaxTreeNode as Node

from newsletters.markdown.parser import parse
from newsletters.markdown.placeholders import fill_marks, mark, mark_link
from newsletters.markdown.text_table import table

RULE = "-" * 40
UNDERLINES = {"h1": "=", "h2": "-"}
AROUND = {"strong": "*", "em": "_", "s": "~"}


def render_text(body: str, values: Mapping[str, str]) -> str:
    """The text of a text with the placeholders filled: links as `text (url)`, tables aligned."""
    return fill_marks(_blocks(Node(list(parse(body)))), values, str)


def _blocks(node: Node, between: str = "\n\n") -> str:
    return between.join(text for text in map(_block, node.children) if text)


def _block(node: Node) -> str:
    return _BLOCKS.get(node.type, _blocks)(node)


def _heading(node: Node) -> str:
    text = _inline(node)
    underline = UNDERLINES.get(node.tag)
    return f"{text}\n{underline * min(len(text), 72)}" if underline else text


def _list(node: Node) -> str:
    tight = all(
        child.hidden
        for item in node.children
        for child in item.children
        if child.type == "paragraph"
    )
    start = int(node.attrs.get("start", 1))
    items = []
    for number, item in enumerate(node.children, start):
        bullet = f"{number}. " if node.type == "ordered_list" else "- "
        text = indent(_blocks(item, "\n" if tight else "\n\n"), " " * len(bullet))
        items.append(bullet + text[len(bullet) :])
    return ("\n" if tight else "\n\n").join(items)


def _table(node: Node) -> str:
    head, *rows = [
        [_inline(cell) for cell in row.children] for part in node.children for row in part.children
    ]
    return table(head, rows)


def _inline(node: Node) -> str:
    if node.type in _INLINES:
        return _INLINES[node.type](node)
    edge = AROUND.get(node.type, "")
    return f"{edge}{_all(node)}{edge}"


def _link(node: Node) -> str:
    text, url = _all(node), mark_link(str(node.attrs["href"]))
    shown = url.removeprefix("mailto:").removeprefix("tel:")
    return shown if text in (url, shown) or not text else f"{text} ({shown})"


def _all(node: Node) -> str:
    return "".join(map(_inline, node.children))


def _quote(node: Node) -> str:
    return "\n".join(f"> {line}".rstrip() for line in _blocks(node).split("\n"))


def _code(node: Node) -> str:
    return indent(node.content.rstrip("\n"), "    ")


def _image(node: Node) -> str:
    return f"[{_all(node) or node.attrs['src']}]"


_BLOCKS: dict[str, Callable[[Node], str]] = {
    "paragraph": _inline,
    "inline": _inline,
    "heading": _heading,
    "bullet_list": _list,
    "ordered_list": _list,
    "blockquote": _quote,
    "fence": _code,
    "code_block": _code,
    "hr": lambda node: RULE,
    "table": _table,
}
_INLINES: dict[str, Callable[[Node], str]] = {
    "text": lambda node: mark(node.content),
    "code_inline": lambda node: node.content,
    "softbreak": lambda node: " ",
    "hardbreak": lambda node: "\n",
    "link": _link,
    "image": _image,
}
