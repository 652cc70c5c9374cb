"""The emails of this app: one function each. Sending is the caller's decision."""

from collections.abc import Mapping
from email.utils import parseaddr
from functools import partial

from django.conf import settings
from django.db.models import F, Value

from mailroom.config.channels import channel_options
from mailroom.messages import TemplatedMessage, feedback_id, list_id
from mailroom.messages.links import public_link, public_url
from mailroom.messages.merge_fields import is_rendered_each, personalised, slot, whole_values
from mailroom.messages.serializers import mailbox
from mailroom.models import Delivery
from mailroom.signing import unsubscribe_address
from newsletters import tracking
from newsletters.composing.pictures import widths_in
from newsletters.markdown import fill, greeting, render_html, render_text, used_in
from newsletters.models import Issue, Newsletter, Subscription
from newsletters.subscribers.tokens import access_token, confirm_token, member_token

ISSUE_SLOTS = ("name", "greeting", "unsubscribe_url", "preferences_url")


def confirm_subscription(subscription: Subscription) -> TemplatedMessage:
    """Asks the owner of an address whether they want the newsletter.

    The name is left out: whoever filled in the form could write to a stranger by it.
    """
    return TemplatedMessage(
        "newsletters.confirm_subscription",
        to=[subscription.email],
        context={
            "newsletter": subscription.newsletter,
            "confirm_url": public_url("newsletters:confirm", confirm_token(subscription)),
        },
        language=subscription.language,
    )


def already_subscribed(subscription: Subscription) -> TemplatedMessage:
    """Answers a request to subscribe an address that is subscribed."""
    token = member_token(subscription.pk, moves=subscription.moves)
    return TemplatedMessage(
        "newsletters.already_subscribed",
        to=[subscription.email],
        context={
            "newsletter": subscription.newsletter,
            "preferences_url": public_url("newsletters:preferences", token),
        },
        language=subscription.language,
    )


def data_link(address: str, language: str) -> TemplatedMessage:
    """A link, good for an hour, to all that is stored about an address."""
    return TemplatedMessage(
        "newsletters.data_link",
        to=[address],
        context={"data_url": public_url("newsletters:all_preferences", access_token(address))},
        language=language,
    )


def issue(issue: Issue) -> TemplatedMessage:
    """An issue for everybody, with slots where each reader's own values will stand."""
    names = ("Ada", "", 'O\'Brien & <i>"Sons"</i>')
    samples = [reader_values("sample", name, issue.language_code) for name in names]
    return personalised(partial(issue_to, issue), ISSUE_SLOTS, samples)


def issue_to(issue: Issue, personal: Mapping[str, str]) -> TemplatedMessage:
    """An issue for whoever has these values of SLOTS."""
    newsletter = issue.newsletter
    values = {**issue.common_values(), **personal}
    message = TemplatedMessage(
        "newsletters.issue",
        to=[],
        context={
            **values,
            "newsletter": newsletter,
            "tracking": tracking.tracking_notice(),
            "subject": fill(issue.subject, values),
            "preheader": fill(issue.preheader, values),
            "greets": _greets(issue.body),
            "html": render_html(issue.body, values, widths_in(issue.body)),
            "text_greets": _greets(issue.text or issue.body),
            "text": fill(issue.text, values) if issue.text else render_text(issue.body, values),
        },
        language=issue.language_code,
        from_email=sender(newsletter),
        reply_to=[newsletter.reply_to] if newsletter.reply_to else None,
        headers={
            **list_headers(newsletter),
            "Feedback-ID": feedback_id("newsletters.issue", f"{newsletter.slug}-{issue.pk}"),
        },
    )
    message.account = newsletter.account
    return message


def sender(newsletter: Newsletter) -> str:
    """From of a newsletter's issues: its own name and address, or its account's or channel's."""
    channel, account = channel_options("newsletters"), newsletter.account
    usual = account.from_email if account else channel.from_email
    if not (newsletter.sender_name or newsletter.sender_address):
        return usual
    name, address = parseaddr(usual)
    name, address = newsletter.sender_name or name, newsletter.sender_address or address
    own = mailbox(name, address)
    if account is None:
        return own
    return account.sender_of(own, [], channel.from_email, channel.reply_to)[0]


def _greets(text: str) -> bool:
    """Whether the mail greets the reader, because the text doesn't."""
    return not used_in(text) & {"name", "greeting"}


def list_headers(newsletter: Newsletter) -> dict[str, str]:
    """How mail programs recognise the list and offer the way out (RFC 2369, 2919, 8058)."""
    return {
        "List-Id": list_id(f"{newsletter.slug}.newsletters"),
        "List-Unsubscribe": ", ".join(_ways_out()),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Archive": f"<{public_url('newsletters:newsletter', newsletter.slug)}>",
    }


def _ways_out() -> list[str]:
    """https by one click, and a mail where somebody reads those; RFC 2369 section 3.2."""
    ways = [f"<{slot('unsubscribe_url')}>"]
    if settings.UNSUBSCRIBE_MAILBOX:
        ways.append(f"<mailto:{slot('unsubscribe_address')}?subject=unsubscribe>")
    return ways


def personal_values(delivery: Delivery) -> dict[str, str]:
    """The slots of one delivery, filled when it is sent."""
    own = delivery.values
    token = member_token(own["subscription"], delivery.pk, own.get("moves", 0))
    values = reader_values(token, own["name"], own["language"])
    values["unsubscribe_address"] = unsubscribe_address(delivery.pk)
    if is_rendered_each(delivery.message):
        published = Issue.objects.get(message=delivery.message)
        values |= whole_values(issue_to(published, values))
    return values


def reader_values(token: str, name: str, language: str) -> dict[str, str]:
    """What fills SLOTS for the reader whom a token names."""
    return {
        **greeting(name, language),
        "unsubscribe_address": settings.UNSUBSCRIBE_MAILBOX,
        "unsubscribe_url": public_link("newsletters:unsubscribe", token),
        "preferences_url": public_link("newsletters:preferences", token),
    }


def delivery_columns(language: str) -> dict[str, F | Value]:
    """The small values kept with each delivery, as columns of the table of subscriptions."""
    return {
        "subscription": F("pk"),
        "moves": F("moves"),
        "name": F("name"),
        "language": Value(language),
    }
