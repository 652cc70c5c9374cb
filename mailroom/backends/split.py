"""A route that shares mail among mailers by weight, for a migration or a warm-up."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.mail import EmailMessage, InvalidMailer

from mailroom.backends.failover import RouteBackend
from mailroom.delivery import breaker
from mailroom.outcomes import Fault, Verdict, classify


class EmailBackend(RouteBackend):
    """Each delivery belongs to one mailer, by its Message-ID: it stays there over all attempts.

    weights: whole numbers, one for each of `via`; 0 drains a mailer. A mailer that rests, or
    certainly accepted nothing, gives its share to the others meanwhile.
    """

    def __init__(self, *, weights: Sequence[int], alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        if len(weights) != len(self.via) or sum(weights) <= 0:
            raise InvalidMailer("'weights' must be one number for each of 'via'.", alias=alias)
        pairs = zip(self.via, weights, strict=True)
        self.weights = {alias: weight for alias, weight in pairs if weight}

    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        errors: list[Exception | None] = [None] * len(email_messages)
        to_try = {place: dict(self.weights) for place in range(len(email_messages))}
        while to_try:
            groups: dict[str, list[int]] = {}
            for place, weights in to_try.items():
                try:
                    if alias := self._choose(email_messages[place], weights):
                        groups.setdefault(alias, []).append(place)
                except InvalidMailer as error:  # all are paused
                    errors[place] = error
            again: dict[int, dict[str, int]] = {}
            for alias, places in groups.items():
                results = self.carry_each([email_messages[place] for place in places], alias)
                for place, result in zip(places, results, strict=True):
                    errors[place] = result
                    if result and _is_its_fault(result):
                        again[place] = {k: v for k, v in to_try[place].items() if k != alias}
            to_try = again
        return errors

    def _choose(self, message: EmailMessage, weights: Mapping[str, int]) -> str | None:
        """The mailer of a message among `weights`; None where none of them takes it any more."""
        key = message.extra_headers.get("Message-ID", "")
        left = dict(weights)
        while left:
            alias = share_of(key, left)
            if breaker.admits(alias):
                return alias
            del left[alias]
        was_tried = len(weights) < len(self.weights)
        return None if was_tried else self.least_bad(list(self.weights))


def _is_its_fault(error: Exception) -> bool:
    """True where a mailer certainly accepted nothing, for a reason of its own."""
    outcome = classify(error)
    is_providers = outcome.fault in {Fault.TRANSPORT, Fault.ACCOUNT}
    return is_providers and outcome.verdict is Verdict.FOR_NOW


def share_of(key: str, weights: Mapping[str, int]) -> str:
    """The name that a key belongs to, for ever the same while the weights are."""
    point = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % sum(weights.values())
    for name, weight in weights.items():
        if point < weight:
            return name
        point -= weight
    raise AssertionError("unreachable: the point lies below the sum of the weights")
