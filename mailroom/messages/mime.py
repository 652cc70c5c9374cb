"""MIME as mail programs need it, where Python's own folding would spoil it."""

import email.policy
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from typing import Any

from django.core.mail import EmailMultiAlternatives

LINE = 78  # RFC 5322 section 2.1.1: what a line should not exceed
LONGEST_LINE = 998  # RFC 5322 section 2.1.1: what it must not, without the line end
# People read these: a mail program shows them decoded (RFC 2047). Any other header is for programs
# (In-Reply-To, References, List-*, Feedback-ID, a provider's own): its words stay as they are.
READ = {"subject", "comments", "keywords"}


class Mail(EmailMultiAlternatives):
    """Writes the headers that are for programs in their own words.

    Python turns a word that is longer than a line into `=?utf-8?q?…?=`. A mailbox provider then
    finds no link to unsubscribe by, and a mail program no message that this one answers.
    """

    def message(self, *, policy: Any = email.policy.default) -> Any:
        return super().message(policy=policy.clone(header_factory=_headers))


def folded(name: str, text: str, linesep: str = "\r\n") -> str | None:
    """A header that is for programs, folded only between its words; None where that can't be.

    Links and names in List-* stay on one line for as long as that may be, since some programs read
    only the first. Others are folded as RFC 5322 section 2.2.3 asks, never before the first word.
    """
    if not (text.isascii() and text.isprintable()):
        return None
    line, lines = f"{name}:", []
    longest = LONGEST_LINE if name.lower().startswith("list-") else LINE
    for place, word in enumerate(text.split()):
        if place and len(line) + 1 + len(word) > longest:
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    if max(map(len, lines)) > LONGEST_LINE:
        return None
    return linesep.join([*lines, ""])


class _ForPrograms(UnstructuredHeader):
    def fold(self, *, policy: email.policy.EmailPolicy) -> str:
        whole = folded(self.name, str(self), policy.linesep)  # type: ignore[attr-defined]
        return whole or str(super().fold(policy=policy))  # type: ignore[misc]


_for_programs: Any = _ForPrograms
_headers = HeaderRegistry(default_class=_for_programs)
_headers.map_to_type("message-id", _for_programs)
for _name in READ:
    _headers.map_to_type(_name, UnstructuredHeader)  # type: ignore[arg-type]
