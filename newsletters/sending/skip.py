"""Which mails of an issue must not go out any more, asked a tenth of a second before at most."""

from django.utils.translation import gettext_noop

from mailroom.models import Delivery
from newsletters.models import Subscription

LEFT = gettext_noop("unsubscribed")
ISSUE_CANCELLED = gettext_noop("cancelled by an editor")


def skip_reasons(deliveries: list[Delivery]) -> dict[int, str]:
    """Those of people who unsubscribed: `{pk: reason}`."""
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
