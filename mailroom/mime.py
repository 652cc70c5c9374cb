"""MIME as mail programs need it, where Python's own folding would spoil it."""

import email.policy
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from typing import Any

from django.core.mail import EmailMultiAlternatives

LONGEST_LINE = 998  # RFC 5322 section 2.1.1, without the line end
# RFC 2369, 2919 and 8058: their values are links and names for programs, never text to decode.
LINK_HEADERS = (
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-unsubscribe-post",
)


# Their words must not be cut or encoded: beside the links, the one by which all is told apart.
WHOLE_HEADERS = (*LINK_HEADERS, "message-id")


class Mail(EmailMultiAlternatives):
    """Writes the links in List-* headers whole.

    Python turns a word that is longer than a line into `=?utf-8?q?…?=`, and a mailbox provider
    then finds no link to unsubscribe by.
    """

    def message(self, *, policy: Any = email.policy.default) -> Any:
        return super().message(policy=policy.clone(header_factory=_headers))


class _LinkHeader(UnstructuredHeader):
    def fold(self, *, policy: email.policy.EmailPolicy) -> str:
        line = f"{self.name}: {self}"  # type: ignore[attr-defined]
        if line.isascii() and len(line) <= LONGEST_LINE:
            return line + policy.linesep
        return str(super().fold(policy=policy))  # type: ignore[misc]


_headers = HeaderRegistry()
_kind: Any = _LinkHeader
for _name in WHOLE_HEADERS:
    _headers.map_to_type(_name, _kind)
