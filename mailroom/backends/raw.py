"""Ready bytes for a provider's API that takes a whole MIME message: Amazon SES."""

from collections.abc import Iterator
from typing import Any

from mailroom.envelope import thaw_extras
from mailroom.mime import Mail
from mailroom.personal import fill
from mailroom.ready import PersonalMail
from mailroom.wire_text import header

RAW = {"anymail.backends.amazon_ses.EmailBackend"}


def takes_raw(path: str) -> bool:
    """True where Anymail's backend of that path sends what `message()` gives, byte for byte."""
    return path in RAW


class RawMail(Mail):
    """A personal mail whose MIME message is its ready bytes.

    mail: one that has them. Anymail reads addresses and its own extras off it as ever.
    """

    def __init__(self, mail: PersonalMail, wire: bytes) -> None:
        delivery = mail.delivery
        frozen = delivery.message
        super().__init__(
            subject=fill(frozen.subject, mail.values),
            from_email=frozen.from_email,
            to=[delivery.address],
            headers={"Message-ID": delivery.message_id_header},
        )
        thaw_extras(self, frozen.content, delivery)
        self._wire = wire

    def message(self, **_: Any) -> Any:
        """What Anymail takes for a MIME message: it adds headers, looks at parts, wants bytes."""
        return _Bytes(self._wire)


class _Bytes:
    """As much of email.message.Message as Anymail's SES payload uses."""

    def __init__(self, wire: bytes) -> None:
        self._lines: list[bytes] = []
        self._wire = wire

    def add_header(self, name: str, value: str) -> None:
        self._lines.append(header(name, value))

    __setitem__ = add_header

    def walk(self) -> Iterator[Any]:
        """No part needs another transfer encoding: a skeleton is ASCII throughout."""
        return iter(())

    def as_bytes(self) -> bytes:
        return b"".join([*self._lines, self._wire])
