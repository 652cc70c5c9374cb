"""An issue's Markdown: checked, then rendered to safe HTML or to text that a person would read."""

from newsletters.markdown.check import (
    size_fault,
    validate_body,
    validate_subject,
    validate_text,
    visible_tags,
)
from newsletters.markdown.html import render_html
from newsletters.markdown.placeholders import (
    KNOWN,
    PLACEHOLDER_HELP,
    PLACEHOLDERS,
    fill,
    greeting,
    used_in,
)
from newsletters.markdown.text import render_text

__all__ = [
    "KNOWN",
    "PLACEHOLDERS",
    "PLACEHOLDER_HELP",
    "fill",
    "greeting",
    "render_html",
    "render_text",
    "size_fault",
    "used_in",
    "validate_body",
    "validate_subject",
    "validate_text",
    "visible_tags",
]
