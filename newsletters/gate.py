"""Which mails of an issue must not go out any more, asked a tenth of a second before at most."""

from collections.abc import Iterable

from django.utils.translation import gettext_noop

from mailroom import holding
from mailroom.models import Delivery
from newsletters.models import Issue, Subscription

LEFT = gettext_noop("unsubscribed")
CANCELLED = gettext_noop("cancelled by an editor")


def skip_reasons(deliveries: list[Delivery]) -> dict[int, str]:
    """Those of people who left, and of issues that were cancelled: `{pk: reason}`.

    What belongs to a paused issue is held again: a mail that was in flight when somebody pressed
    Pause, and was refused for now, came back into the queue behind the back of that.
    """
    reasons = _of_people_who_left(deliveries)
    for issue in _halted({one.message_id for one in deliveries}):
        if issue.state == Issue.State.PAUSED:
            holding.hold(issue.message)  # type: ignore[arg-type]
        else:
            own = [one.pk for one in deliveries if one.message_id == issue.message_id]
            reasons |= dict.fromkeys(own, CANCELLED)
    return reasons


def _of_people_who_left(deliveries: Iterable[Delivery]) -> dict[int, str]:
    by_subscription = {
        delivery.values["subscription"]: delivery.pk
        for delivery in deliveries
        if delivery.values["subscription"]  # else a test, which stands for nobody's subscription
    }
    # Not `confirmed()`: where many were imported just now, PostgreSQL would read all who are.
    theirs = Subscription.objects.filter(pk__any_of=by_subscription).order_by()
    states = theirs.values_list("pk", "state")
    still = {pk for pk, state in states if state == Subscription.State.CONFIRMED}
    return {pk: LEFT for subscription, pk in by_subscription.items() if subscription not in still}


def _halted(messages: set[int]) -> Iterable[Issue]:
    states = [Issue.State.PAUSED, Issue.State.CANCELLED]
    rows = Issue.objects.filter(message__in=messages, state__in=states)
    return rows.select_related("message").only("state", "message__id")
