"""Work outside the request. A task finds its row and calls one function."""

from django.tasks import task

from newsletters.models import Issue, Subscription
from newsletters.publishing import queue


@task()
def ask_to_confirm(subscription_id: int) -> None:
    if subscription := Subscription.objects.to_ask().filter(pk=subscription_id).first():
        subscription.ask_to_confirm()


@task()
def queue_issue(issue_id: int) -> None:
    if issue := Issue.objects.to_queue().filter(pk=issue_id).first():
        queue(issue)
