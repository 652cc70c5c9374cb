"""Work outside the request. A task finds its row and calls one function."""

from django.tasks import task

from newsletters.models import Issue, SubscriberImport, Subscription
from newsletters.sending.publish import queue
from newsletters.subscribers.importing import go_on


@task()
def ask_to_confirm(subscription_id: int) -> None:
    if subscription := Subscription.objects.to_ask().filter(pk=subscription_id).first():
        subscription.ask_to_confirm()


@task()
def queue_issue(issue_id: int) -> None:
    if issue := Issue.objects.to_queue().filter(pk=issue_id).first():
        queue(issue)


@task()
def take_in_people(import_id: int) -> None:
    if job := SubscriberImport.objects.filter(pk=import_id).first():
        go_on(job)
