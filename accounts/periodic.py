"""What the worker does for accounts again and again."""

from accounts.own_data import delete_waiting_accounts, waiting_accounts
from mailroom.tasks import enqueue
from mailroom.worker.periodic import every


@every(seconds=60)
def go_on_with_deletions() -> None:
    """Delete the accounts whose task was lost, or died on its way."""
    if waiting_accounts().exists():
        enqueue(delete_waiting_accounts)
