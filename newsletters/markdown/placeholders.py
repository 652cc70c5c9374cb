"""What an editor may have filled in for each reader: names from a fixed list, never code."""

import re
from collections.abc import Callable, Mapping
from functools import cache

from django.utils.html import conditional_escape
from django.utils.translation import gettext, override, pgettext
from django.utils.translation import gettext_lazy as _

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# Doubled braces are somebody's template language, and stay as they are.
PLACEHOLDER = re.compile(rf"(?<!\{{)\{{({NAME})\}}(?!\}})")

TEXT_PLACEHOLDERS = ("name", "greeting", "newsletter")
LINKS = ("unsubscribe_url", "preferences_url", "web_url")
KNOWN = (*TEXT_PLACEHOLDERS, *LINKS)

# What the page on which an issue is written offers to insert, each with what it becomes.
PLACEHOLDERS = {
    "{greeting}": _("Greeting: “Hello Ann,”"),
    "{name}": _("The reader’s name"),
    "{newsletter}": _("The newsletter’s name"),
    "{web_url}": _("Link: this issue on the web"),
    "{preferences_url}": _("Link: the reader’s settings"),
    "{unsubscribe_url}": _("Link: unsubscribe"),
}

PLACEHOLDER_HELP = _(
    "Markdown. {greeting} becomes “Hello Ann,” and {name} “Ann”; {newsletter}, {web_url}, "
    "{unsubscribe_url} and {preferences_url} work too, the last three as the target of a link."
)

# The marks that stand for placeholders while a text becomes HTML. Whoever types one by hand gets
# the placeholder, nothing more. The link must look like one, or it would be cleaned away.
_LINK_MARK = "https://placeholder.invalid/"
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
LINK_IN_TEXT = re.compile(f"{_OPEN}({'|'.join(LINKS)}){_CLOSE}")
_MARK = re.compile(
    rf"{_OPEN}({'|'.join(KNOWN)}){_CLOSE}|{re.escape(_LINK_MARK)}({'|'.join(LINKS)})\b"
)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values into a plain text, such as a subject. Unknown names stay as they are."""
    return PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)


def greeting(name: str, language: str) -> dict[str, str]:
    """The placeholders that greet a reader; name: "" for a reader without one."""
    reader, hello, hello_name = _words(language)
    return {"name": name or reader, "greeting": hello_name % {"name": name} if name else hello}


@cache
def _words(language: str) -> tuple[str, str, str]:
    """In place of a name, and the greetings: looked up once, however many are greeted."""
    with override(language):
        return (
            pgettext("in place of a name", "reader"),
            gettext("Hello,"),
            gettext("Hello %(name)s,"),
        )


def used_in(text: str) -> set[str]:
    """The names between single braces."""
    return set(PLACEHOLDER.findall(text))


def mark(text: str) -> str:
    """Replace the placeholders of a text by their marks."""
    if "{" not in text:
        return text
    return PLACEHOLDER.sub(lambda found: f"{_OPEN}{found[1]}{_CLOSE}", text)


def mark_link(url: str) -> str:
    """Replace a link that is a placeholder, and nothing else, by its mark."""
    found = PLACEHOLDER.fullmatch(url)
    return f"{_LINK_MARK}{found[1]}" if found and found[1] in LINKS else url


def fill_marks(text: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """Put the values where the marks are, each escaped as this kind of text needs."""
    return _MARK.sub(lambda found: escape(values.get(found[1] or found[2], "")), text)


def as_html(value: str) -> str:
    return str(conditional_escape(value))
