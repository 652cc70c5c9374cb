"""A route that shares mail among mailers by weight, for a migration or a warm-up."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage, InvalidMailer

from mailroom.backends.route import RouteBackend


class EmailBackend(RouteBackend):
    """Each delivery belongs to one mailer, by its Message-ID: it stays there over all attempts.

    weights: whole numbers, one for each of `via`; 0 drains a mailer.
    """

    def __init__(self, *, weights: Sequence[int], alias: str, **kwargs: Any) -> None:
        super().__init__(alias=alias, **kwargs)
        if len(weights) != len(self.via) or sum(weights) <= 0:
            raise InvalidMailer("'weights' must be one number for each of 'via'.", alias=alias)
        self.weights = list(weights)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return sum(self.carry(message, self._share(message)) for message in email_messages)

    def _share(self, message: EmailMessage) -> str:
        key = message.extra_headers.get("Message-ID", "")
        point = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % sum(self.weights)
        for alias, weight in zip(self.via, self.weights, strict=True):
            if point < weight:
                return alias
            point -= weight
        raise AssertionError("unreachable: the point lies below the sum of the weights")
