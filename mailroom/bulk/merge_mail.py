"""One recipient's copy of a bulk email, which a mailer may take as bytes or as values."""

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mailroom.bulk.precompiled import NotExpressible, Skeleton
from mailroom.messages.serializers import Mail, build, return_path_of
from mailroom.models import Delivery
from mailroom.outcomes import Unbuildable

logger = logging.getLogger(__name__)


class PersonalMail(Mail):
    """One delivery's mail out of a message that many get.

    A mailer may take it as ready bytes, `wire`, where there are any; as its `values` together with
    others of the same message; or else as the `whole`. values: what fills the slots.
    """

    def __init__(
        self, delivery: Delivery, values: Mapping[str, Any], skeleton: Skeleton | None = None
    ) -> None:
        headers = {"Message-ID": delivery.message_id_header}
        sender = delivery.message.from_email
        super().__init__(from_email=sender, to=[delivery.address], headers=headers)
        self.delivery = delivery
        self.values = values
        self.last_tried_by = delivery.alias
        self.channel, self.route = delivery.channel, delivery.route
        self.return_path = return_path_of(delivery)
        self._skeleton = skeleton

    @property
    def has_wire(self) -> bool:
        """True where the message has a skeleton, so that most of its mails have ready bytes."""
        return self._skeleton is not None

    @property
    def is_dotless(self) -> bool:
        """True where no line of the ready bytes begins with a dot."""
        return self.wire is not None and self._skeleton is not None and self._skeleton.is_dotless

    @cached_property
    def wire(self) -> bytes | None:
        """The mail as bytes, None where only building it whole will do. Raises Unbuildable."""
        if self._skeleton is None:
            return None
        one = self.delivery
        try:
            with _built_for_good():
                return self._skeleton.fill(
                    name=one.name,
                    address=one.address,
                    message_id=self.extra_headers["Message-ID"],
                    values=self.values,
                )
        except NotExpressible as reason:
            details = {"delivery_id": one.pk}
            logger.info("Delivery %s is built whole: %s", one.pk, reason, extra=details)
            return None

    def whole(self) -> Mail:
        """The same mail, built as every other is. Raises Unbuildable."""
        with _built_for_good():
            return build(self.delivery.message, [self.delivery], self.values)


class _built_for_good:  # noqa: N801  (reads as the statement it is)
    """What can't be built now can't be built later either."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, NotExpressible | Unbuildable):
            raise Unbuildable(error) from error


class Skeletons:
    """The skeletons of the messages of one run, each built when it is first needed."""

    def __init__(self) -> None:
        self._known: dict[int, Skeleton | None] = {}

    def of(self, delivery: Delivery) -> Skeleton | None:
        """The skeleton of a delivery's message, None where it has none."""
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
