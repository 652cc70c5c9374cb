"""Announcements are written in Markdown: HTML that is safe for mails and pages."""

import nh3
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from mailroom.messages.links import absolute

ANNOUNCEMENT_TAGS = {
    "a",
    "blockquote",
    "br",
    "code",
    "em",
    "h2",
    "h3",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "ul",
}


# Not `[1]: address`: a long address would be written out at each use, megabytes in all.
_markdown = MarkdownIt("commonmark", {"html": False}).disable("reference")


def announcement_html(text: str) -> SafeString:
    """Raw HTML in the text stays text; what is left is reduced to a few harmless tags.

    Links to pages of ours become absolute: a mail has no page that they could be relative to.
    """
    raw = _markdown.render(text)
    clean = nh3.clean(
        raw,
        tags=ANNOUNCEMENT_TAGS,
        attributes={"a": {"href", "title"}},
        attribute_filter=_absolute,
        url_schemes={"http", "https", "mailto"},
        url_relative=("rewrite_with_base", f"{settings.PUBLIC_URL}/"),
    )
    return mark_safe(clean)  # noqa: S308  (nh3 has cleaned it)


def _absolute(tag: str, name: str, value: str) -> str:
    is_path = name == "href" and value.startswith("/") and not value.startswith("//")
    return absolute(value) if is_path else value
