"""What the doctor asks of newsletters."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from mailroom.doctor.findings import Finding, Means, examination
from mailroom.doctor.own_urls import posted
from mailroom.messages.links import public_url
from newsletters.composing.preview import NO_SUBSCRIPTION
from newsletters.subscribers.tokens import member_token


@examination("one click", asks_outside=True)
def one_click(means: Means) -> Iterator[Finding]:
    """Post as a mailbox provider would, for a subscription that nobody has."""
    url = public_url("newsletters:unsubscribe", member_token(NO_SUBSCRIPTION))
    fields = {"List-Unsubscribe": "One-Click"}
    status, words = posted(url, fields, 200, _("You are unsubscribed."), means)
    yield Finding("one click", "unsubscribe", status, words)
