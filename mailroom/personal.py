"""Slots: places in a frozen message that are filled for each recipient when it is sent.

A slot is a name between two private-use characters (Unicode, section 23.5), which no keyboard makes
and which escaping leaves as they are. Templates may put a slot out, and do nothing else with it.
"""

import re
from collections.abc import Mapping

from django.utils.html import escape

OPEN, CLOSE = "\ue000", "\ue001"
# Whole texts as slots, for a message that is rendered for each: they hold markup already.
WHOLE_SUBJECT, WHOLE_TEXT, WHOLE_HTML = "whole_subject", "whole_text", "whole_html"
WHOLE = {WHOLE_SUBJECT, WHOLE_TEXT, WHOLE_HTML}
SLOT = re.compile(f"{OPEN}([a-z_]+){CLOSE}")


def slot(name: str) -> str:
    """The stand-in for a personal value; `name` is in lower case with underscores."""
    return f"{OPEN}{name}{CLOSE}"


def fill(text: str, values: Mapping[str, str], *, html: bool = False) -> str:
    """Put the values in their slots, escaped where the text is HTML.

    Raises LookupError for a slot that has no value.
    """

    def value(match: re.Match[str]) -> str:
        try:
            found = str(values[match[1]])
        except KeyError:
            raise LookupError(f"the slot {match[1]!r} has no value") from None
        return escape(found) if html and match[1] not in WHOLE else found

    return SLOT.sub(value, text) if OPEN in text else text


def slots_in(text: str) -> set[str]:
    """The names of the slots in a text."""
    return set(SLOT.findall(text)) if OPEN in text else set()


def shown(text: str) -> str:
    """The text for a person to read who is none of its recipients: each slot as `{name}`."""
    return SLOT.sub(r"{\1}", text)
