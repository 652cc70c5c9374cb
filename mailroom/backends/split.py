"""A route that shares mail among mailers by weight, for a migration or a warm-up."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.mail import EmailMessage, InvalidMailer

from mailroom import breaker
from mailroom.backends.route import RouteBackend


class EmailBackend(RouteBackend):
    """Each delivery belongs to one mailer, by its Message-ID: it stays there over all attempts.

    weights: whole numbers, one for each of `via`; 0 drains a mailer. A mailer that rests gives its
    share to the others meanwhile.
    """

    def __init__(self, *, weights: Sequence[int], alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        if len(weights) != len(self.via) or sum(weights) <= 0:
            raise InvalidMailer("'weights' must be one number for each of 'via'.", alias=alias)
        pairs = zip(self.via, weights, strict=True)
        self.weights = {alias: weight for alias, weight in pairs if weight}

    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        errors: list[Exception | None] = [None] * len(email_messages)
        groups: dict[str, list[int]] = {}
        for place, message in enumerate(email_messages):
            try:
                groups.setdefault(self._share(message), []).append(place)
            except InvalidMailer as error:  # all are paused
                errors[place] = error
        for alias, places in groups.items():
            results = self.carry_each([email_messages[place] for place in places], alias)
            for place, result in zip(places, results, strict=True):
                errors[place] = result
        return errors

    def _share(self, message: EmailMessage) -> str:
        key = message.extra_headers.get("Message-ID", "")
        left = dict(self.weights)
        while left:
            alias = share_of(key, left)
            if breaker.admits(alias):
                return alias
            del left[alias]
        return self.least_bad(list(self.weights))


def share_of(key: str, weights: Mapping[str, int]) -> str:
    """The name that a key belongs to, for ever the same while the weights are."""
    point = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % sum(weights.values())
    for name, weight in weights.items():
        if point < weight:
            return name
        point -= weight
    raise AssertionError("unreachable: the point lies below the sum of the weights")
