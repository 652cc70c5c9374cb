"""A route whose first mailer carries so many messages a day, such as those that are free."""

from typing import Any

from django.core.mail import InvalidMailer

from mailroom.backends import failover
from mailroom.delivery import breaker
from mailroom.outcomes import QuotaUsedUp, Verdict, classify


class EmailBackend(failover.EmailBackend):
    """As failover with two mailers; beyond `number` messages a day, the first one gets none.

    zone: where the day begins at midnight. Counted over all processes are the messages that the
    first mailer took, or may have taken.
    """

    def __init__(self, *, number: int, zone: str = "UTC", alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        limit = breaker.quota_of(alias)
        if len(self.via) != 2 or number < 1 or limit is None:
            raise InvalidMailer("'via' must be two mailers, and 'number' above 0.", alias=alias)
        self._limit = limit

    def _try(
        self, group: list[failover.MessageOnRoute], alias: str
    ) -> list[failover.MessageOnRoute]:
        if alias != self.via[0]:
            return super()._try(group, alias)
        day = self._limit.day  # the next one may begin while they are sent
        taken = self._limit.take(len(group), day)
        within, beyond = group[:taken], group[taken:]
        for attempt in beyond:
            attempt.tried.append(alias)
            attempt.error = QuotaUsedUp(f"The quota of {alias} is used up for today.")
        left = super()._try(within, alias) if within else []
        errors = [attempt.error for attempt in within if attempt.error]
        refused = [error for error in errors if classify(error).verdict is not Verdict.UNKNOWN]
        self._limit.give_back(len(refused), day)
        return left + beyond

    def _alert_failover(self, alias: str, refusal: Exception | None) -> None:
        if not isinstance(refusal, QuotaUsedUp):
            super()._alert_failover(alias, refusal)
