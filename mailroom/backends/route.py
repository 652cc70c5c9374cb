"""What routes have in common: children among MAILERS, opened when they are needed."""

from collections.abc import Sequence
from copy import copy
from typing import Any

from django.core.mail import EmailMessage, InvalidMailer, mailers
from django.core.mail.backends.base import BaseEmailBackend

RESULTS = ("outcomes", "anymail_status", "carried_by")  # what a provider leaves on a message


class RouteBackend(BaseEmailBackend):
    """A mailer that hands messages to others. via: their aliases."""

    def __init__(self, *, via: Sequence[str], alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        missing = [name for name in via if name not in mailers]
        if not via or missing:
            raise InvalidMailer(f"'via' names unknown mailers: {missing}", alias=alias)
        self.via = list(via)
        self._open: dict[str, BaseEmailBackend] = {}

    def carry(self, message: EmailMessage, alias: str) -> int:
        """Send a copy through a child, whose changes to it never reach the next child.

        Raises what the child raises.
        """
        attempt = copy(message)
        attempt.extra_headers = dict(message.extra_headers)
        for one in (message, attempt):  # what an earlier child said is no answer of this one
            for name in RESULTS:
                vars(one).pop(name, None)
        try:
            mailer = self._child(alias)
            return mailer.send_messages([attempt]) or 0
        finally:
            message.carried_by = getattr(attempt, "carried_by", alias)  # type: ignore[attr-defined]
            for name in RESULTS:
                if name in vars(attempt):
                    setattr(message, name, getattr(attempt, name))

    def close(self) -> None:
        for mailer in self._open.values():
            mailer.close()
        self._open = {}

    def _child(self, alias: str) -> BaseEmailBackend:
        if alias not in self._open:
            mailer = mailers[alias]
            self._open[alias] = mailer
        self._open[alias].open()
        return self._open[alias]
