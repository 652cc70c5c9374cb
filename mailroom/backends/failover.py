"""Failover, and the base of all routes: mailers that pass messages on to other mailers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.mail import EmailMessage, InvalidMailer
from django.core.mail.backends.base import BaseEmailBackend

from mailroom.backends import EachBackend
from mailroom.config.channels import is_mailer, providers_of
from mailroom.delivery import breaker, transport
from mailroom.outcomes import Verdict, classify


class RouteBackend(EachBackend):
    """A mailer that passes messages on to others. via: their aliases."""

    timeout: float | None = None  # seconds, put on the children instead of their own

    def __init__(self, *, via: Sequence[str], alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        missing = [name for name in via if not is_mailer(name)]
        if not via or missing:
            raise InvalidMailer(f"'via' names unknown mailers: {missing}", alias=alias)
        self.via = list(via)
        self._open: dict[str, BaseEmailBackend] = {}

    def carry_each(self, messages: Sequence[EmailMessage], alias: str) -> list[Exception | None]:
        """Send through a child; for each message None, or what the child raises."""
        return transport.carry_each(lambda: self._child(alias), alias, messages)

    def least_bad(self, among: Sequence[str]) -> str:
        """The mailer to try if all are cooling down: the one that failed first, never a paused one.

        Raises InvalidMailer if all are paused.
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


@dataclass(slots=True, eq=False)
class MessageOnRoute:
    """A message on its way through the route: the mailers tried, and the last answer."""

    message: EmailMessage
    tried: list[str] = field(default_factory=list)
    error: Exception | None = None


class EmailBackend(RouteBackend):
    """Send each message through the first mailer of `via` that works and accepts it.

    Only what was certainly not accepted goes to the next mailer. A refusal for good would be
    repeated there, and after an unknown outcome the email may have been accepted: both end the
    attempt with their exception. A message that is sent again tries the mailer that had it before
    after all others.
    """

    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        attempts = [MessageOnRoute(message) for message in email_messages]
        waiting = attempts
        while waiting:
            groups: dict[str, list[MessageOnRoute]] = {}
            for attempt in waiting:
                if alias := self._next(attempt):
                    groups.setdefault(alias, []).append(attempt)
            waiting = [one for alias, group in groups.items() for one in self._try(group, alias)]
        return [attempt.error for attempt in attempts]

    def _try(self, group: list[MessageOnRoute], alias: str) -> list[MessageOnRoute]:
        """Hand over together what goes to one mailer; returns what may go to the next."""
        errors = self.carry_each([attempt.message for attempt in group], alias)
        if None in errors:
            self._alert_failover(alias, group[errors.index(None)].error)
        for attempt, error in zip(group, errors, strict=True):
            attempt.tried.append(alias)
            attempt.error = error
        return [one for one in group if one.error and _may_go_on(one.error)]

    def _next(self, attempt: MessageOnRoute) -> str | None:
        """The mailer to try next; None if the attempt is over."""
        for alias in self._order(attempt.message):
            if alias not in attempt.tried and breaker.admits(alias):
                return alias
        if attempt.tried:
            return None
        try:
            return self.least_bad(self.via)
        except InvalidMailer as error:
            attempt.error = error
            return None

    def _order(self, message: EmailMessage) -> list[str]:
        last = getattr(message, "last_tried_by", "")
        return sorted(self.via, key=lambda alias: bool(last) and last in providers_of(alias))

    def _alert_failover(self, alias: str, refusal: Exception | None) -> None:
        """Report a failover, which would otherwise hide that a provider is down."""
        first = breaker.health(self.via[0])
        if alias != first.alias and not first.mode:  # else a person took it out, and knows
            error = classify(refusal).error if refusal else first.error
            breaker.alert("failed_over", first.alias, error=error, carried_by=alias)


def _may_go_on(error: Exception) -> bool:
    return classify(error).verdict is Verdict.FOR_NOW
