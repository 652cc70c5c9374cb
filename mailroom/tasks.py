"""The one task of the mailroom: a nudge to look at a channel's rows. It takes no content."""

from django.tasks import task

from mailroom.delivery import deliver_due


@task()
def deliver_channel(channel: str) -> int:
    """Send what is due on a channel; the number of deliveries handled.

    Repeating it or losing it does no harm: the rows are the queue, and the clock looks at them too.
    """
    return deliver_due(channel)


def queue_of(channel: str) -> str:
    """The task queue of a channel. Each has its own, so that no mail waits for another's mailer."""
    return f"mail.{channel}"


def nudge(channel: str) -> None:
    """Ask a worker to look at a channel soon."""
    deliver_channel.using(queue_name=queue_of(channel)).enqueue(channel)
