"""Mails whose bytes are ready before a mailer is asked for, and which need not be built again."""

import logging

from mailroom.envelope import build, personal_values
from mailroom.mime import Mail
from mailroom.models import Delivery
from mailroom.skeleton import NotExpressible, Skeleton

logger = logging.getLogger(__name__)


class ReadyMail(Mail):
    """One delivery's mail as bytes, for a mailer that takes them; `whole` is for any other."""

    def __init__(self, delivery: Delivery, wire: bytes) -> None:
        headers = {"Message-ID": delivery.message_id_header}
        sender = delivery.message.from_email
        super().__init__(from_email=sender, to=[delivery.address], headers=headers)
        self.delivery = delivery
        self.wire = wire
        self.had_by = delivery.alias

    def whole(self) -> Mail:
        """The same mail, built as every other is."""
        return build(self.delivery.message, [self.delivery])


class Skeletons:
    """The skeletons of the messages of one batch, each built when it is first needed."""

    def __init__(self) -> None:
        self._known: dict[int, Skeleton | None] = {}

    def ready(self, delivery: Delivery) -> ReadyMail | None:
        """The delivery's mail, or None where only building it whole will do.

        Raises LookupError for a slot without a value.
        """
        skeleton = self._of(delivery)
        if skeleton is None:
            return None
        try:
            wire = skeleton.fill(
                name=delivery.name,
                address=delivery.address,
                message_id=delivery.message_id_header,
                values=personal_values(delivery),
            )
        except NotExpressible as reason:
            logger.info("Delivery %s is built whole: %s", delivery.pk, reason)
            return None
        return ReadyMail(delivery, wire)

    def _of(self, delivery: Delivery) -> Skeleton | None:
        if delivery.message_id not in self._known:
            self._known[delivery.message_id] = _skeleton(delivery)
        return self._known[delivery.message_id]


def _skeleton(delivery: Delivery) -> Skeleton | None:
    try:
        return Skeleton(delivery.message)
    except NotExpressible as reason:
        logger.warning("Message %s is built whole for each: %s", delivery.message_id, reason)
    except ValueError:  # what Django refuses is refused by the whole message, in its words
        pass
    return None
