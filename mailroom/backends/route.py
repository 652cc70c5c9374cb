"""What routes have in common: children among MAILERS, opened when they are needed."""

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage, InvalidMailer
from django.core.mail.backends.base import BaseEmailBackend

from mailroom.config.channels import is_mailer
from mailroom.delivery import breaker, transport


class RouteBackend(BaseEmailBackend):
    """A mailer that hands messages to others. via: their aliases."""

    timeout: float | None = None  # seconds, put on the children instead of their own

    def __init__(self, *, via: Sequence[str], alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        missing = [name for name in via if not is_mailer(name)]
        if not via or missing:
            raise InvalidMailer(f"'via' names unknown mailers: {missing}", alias=alias)
        self.via = list(via)
        self._open: dict[str, BaseEmailBackend] = {}

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send the messages; how many. Raises the first error once all were tried."""
        errors = self.send_each(email_messages)
        for error in errors:
            if error:
                raise error
        return len(errors)

    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        """Send the messages; for each, the exception that `send_messages` would raise for it."""
        raise NotImplementedError

    def carry_each(self, messages: Sequence[EmailMessage], alias: str) -> list[Exception | None]:
        """Send through a child; for each message None, or what the child raises."""
        return transport.carry_each(lambda: self._child(alias), alias, messages)

    def least_bad(self, among: Sequence[str]) -> str:
        """Where all rest, the one to try all the same: who failed first, never a paused one.

        Raises InvalidMailer where all are paused.
        """
        if not (found := breaker.oldest_failure(among)):
            raise InvalidMailer("Every mailer of this route is paused.", alias=self.alias)  # type: ignore[attr-defined]
        return found

    def close(self) -> None:
        for mailer in self._open.values():
            mailer.close()
        self._open = {}

    def _child(self, alias: str) -> BaseEmailBackend:
        if alias not in self._open:
            mailer: Any = transport.mailer_for(alias)
            if self.timeout is not None and hasattr(mailer, "timeout"):
                mailer.timeout = self.timeout
            self._open[alias] = mailer
        self._open[alias].open()
        return self._open[alias]
