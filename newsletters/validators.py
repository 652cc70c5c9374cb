"""What texts that reach a mail header, a feed or an address bar may hold."""

import re

from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext_lazy as _

# Beside the control characters proper: line ends of Unicode, the private-use characters that mark
# places to fill in, and what is no character at all.
_NEVER = "\u2028\u2029\ue000-\ue0ff\ufffe\uffff\ud800-\udfff"
_IN_A_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_NEVER}]")
_IN_A_TEXT = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_NEVER}]")


def one_line(text: str) -> None:
    """Refuse line ends and other control characters: they could start a header of their own."""
    if _IN_A_LINE.search(text):
        raise ValidationError(_("Line ends and control characters are not allowed."), "control")


def printable(text: str) -> None:
    """Refuse control characters other than tab and line ends: a feed (XML) can't hold them."""
    if found := _IN_A_TEXT.search(text):
        line = text.count("\n", 0, found.start()) + 1
        message = _("Line %(line)s: control characters are not allowed.")
        raise ValidationError(message, "control", {"line": line})


@deconstructible
class NotReserved:
    """Refuse a slug that would hide a page of ours."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, slug: str) -> None:
        if slug.lower() in self.words:
            raise ValidationError(
                _("“%(slug)s” is used by the site itself."), "reserved", {"slug": slug}
            )

    def __hash__(self) -> int:
        return hash(self.words)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NotReserved) and self.words == other.words
