"""Signals of the outbox, sent for every backend alike, SMTP included.

The first six carry `channel`, `alias` (the mailer that carries it; for about_to_send the
channel's route) and `delivery`. All but about_to_send are sent after the commit, for exactly the
rows that it changed, and `delivery` says what the row says.
"""

from django.dispatch import Signal

# A receiver that raises mailroom.signals.Cancel stops this delivery: it becomes skipped.
about_to_send = Signal()
sent = Signal()
failed = Signal()  # refused for good, given up after five days, or it could not be built
uncertain = Signal()  # bulk email that may have been accepted: it waits for evidence or a person
skipped = Signal()  # not sent, for `delivery.reason`: expired, suppressed, opted out

# A delivery waits, because its provider refuses our account (or password, or settings): that takes
# a person. As above, with `error`, the provider's words.
account_refused = Signal()

# What a provider said later, in the transaction that keeps it. `address`: whom it is about;
# `delivery`: what it is about, None where the provider named nothing that we know.
complained = Signal()
unsubscribed = Signal()
hard_bounced = Signal()

# Something happened to a provider: `event`, `alias`, `error`, `carried_by`, as of
# mailroom.delivery.breaker.alert.
mailer_alert = Signal()


class Cancel(Exception):  # noqa: N818  (a decision, not an error)
    """Raised by a receiver of about_to_send; its text becomes the delivery's reason."""
