"""The slow part of feedback, outside the request that brought it."""

from django.tasks import task

from mailroom.webhooks.effects import handle_waiting


@task()
def handle_events() -> int:
    """Handle the events that wait. Repeating or losing it does no harm: the rows are the queue."""
    return handle_waiting()
