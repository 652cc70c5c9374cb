"""What each event of each provider means: one table, in the provider's own words.

Anymail verifies and parses. Its normalized types are too coarse here: it says `bounced` for full
mailboxes and dead ones, `complained` for a filter's note and for a complaint list, and `unknown`
for events that came later. So each event gets a name from the provider's own fields, most general
word first (`bounce Permanent NoEmail`), and EVENTS has the meaning of a name or its beginning.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from mailroom.models import Event

Kind = Event.Kind

# The SMTP reply in the event decides whether the bounce is hard: see `is_hard`.
BY_REPLY: Final = "by reply"
# Opens and clicks are not stored.
IGNORED: Final = None

Meaning = str | None

ACCEPTED, DEFERRED, DELIVERED = Kind.ACCEPTED, Kind.DEFERRED, Kind.DELIVERED
SOFT, HARD, REJECTED = Kind.SOFT_BOUNCE, Kind.HARD_BOUNCE, Kind.REJECTED
COMPLAINED, UNSUBSCRIBED = Kind.COMPLAINED, Kind.UNSUBSCRIBED
LISTED, NOTED, UNKNOWN = Kind.LISTED, Kind.NOTED, Kind.UNKNOWN

EVENTS: dict[str, dict[str, Meaning]] = {
    # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
    "Amazon SES": {
        "Send": ACCEPTED,
        "Delivery": DELIVERED,
        "DeliveryDelay": DEFERRED,
        "Bounce Permanent": HARD,  # also where it bounced before and is on a suppression list
        "Bounce Permanent UnsubscribedRecipient": UNSUBSCRIBED,
        "Bounce Transient": SOFT,
        "Bounce Undetermined": SOFT,
        "Complaint": COMPLAINED,
        "Complaint OnAccountSuppressionList": LISTED,
        "Complaint not-spam": NOTED,
        "Complaint auth-failure": NOTED,  # RFC 6591: from a filter, not a person
        "Complaint virus": NOTED,
        "Reject": REJECTED,
        "Rendering Failure": REJECTED,
        "Subscription": NOTED,
        "Subscription unsubscribeAll": UNSUBSCRIBED,
        "Open": IGNORED,
        "Click": IGNORED,
    },
    # https://developers.brevo.com/docs/transactional-webhooks
    "Brevo": {
        "request": ACCEPTED,
        "sent": ACCEPTED,
        "delivered": DELIVERED,
        "deferred": DEFERRED,
        "soft_bounce": SOFT,
        "hard_bounce": HARD,
        "invalid_email": HARD,
        "blocked": REJECTED,
        "error": REJECTED,
        "spam": COMPLAINED,
        "complaint": COMPLAINED,
        "unsubscribe": UNSUBSCRIBED,
        "unsubscribed": UNSUBSCRIBED,
        "list_addition": NOTED,
        "opened": IGNORED,
        "unique_opened": IGNORED,
        "proxy_open": IGNORED,
        "unique_proxy_open": IGNORED,
        "click": IGNORED,
    },
    # https://developers.mailersend.com/api/v1/webhooks.html
    "MailerSend": {
        "sent": ACCEPTED,
        "delivered": DELIVERED,
        "deferred": DEFERRED,
        "soft_bounced": SOFT,
        "hard_bounced": HARD,
        "spam_complaint": COMPLAINED,
        "unsubscribed": UNSUBSCRIBED,
        "opened": IGNORED,
        "opened_unique": IGNORED,
        "clicked": IGNORED,
        "clicked_unique": IGNORED,
    },
    # https://documentation.mailgun.com/docs/mailgun/user-manual/events/events
    "Mailgun": {
        "accepted": ACCEPTED,
        "delivered": DELIVERED,
        "failed temporary": DEFERRED,
        "failed permanent": SOFT,  # "generic", "old", "greylisted", "espblock" …
        "failed permanent bounce": BY_REPLY,
        "failed permanent suppress-bounce": HARD,
        "failed permanent suppress-complaint": LISTED,
        "failed permanent suppress-unsubscribe": UNSUBSCRIBED,
        "rejected": REJECTED,
        "complained": COMPLAINED,
        "unsubscribed": UNSUBSCRIBED,
        "opened": IGNORED,
        "clicked": IGNORED,
        # Form posts, which old webhooks still send.
        "bounced": BY_REPLY,
        "dropped": SOFT,
        "dropped 605": HARD,
        "dropped 606": UNSUBSCRIBED,
        "dropped 607": LISTED,
    },
    # https://dev.mailjet.com/email/guides/webhooks/
    "Mailjet": {
        "sent": DELIVERED,
        "bounce soft": SOFT,
        "bounce soft greylisted": DEFERRED,
        "bounce hard": HARD,
        "bounce hard quota exceeded": SOFT,
        "blocked": REJECTED,
        "blocked hard": HARD,
        "blocked hard spam reporter": LISTED,
        "blocked soft spam reporter": LISTED,
        "spam": COMPLAINED,
        "unsub": UNSUBSCRIBED,
        "open": IGNORED,
        "click": IGNORED,
    },
    # https://docs.mailtrap.io/email-api-smtp/advanced/webhooks
    "Mailtrap": {
        "delivery": DELIVERED,
        "soft bounce": SOFT,
        "bounce": BY_REPLY,
        "suspension": DEFERRED,
        "reject": REJECTED,
        "reject bounce": HARD,
        "reject complaint": LISTED,
        "reject unsubscription": UNSUBSCRIBED,
        "spam": COMPLAINED,
        "unsubscribe": UNSUBSCRIBED,
        "open": IGNORED,
        "click": IGNORED,
    },
    # https://mailchimp.com/developer/transactional/docs/webhooks/
    "Mandrill": {
        "send": ACCEPTED,
        "delivered": DELIVERED,
        "deferral": DEFERRED,
        "soft_bounce": SOFT,
        "hard_bounce": HARD,
        "hard_bounce mailbox_full": SOFT,
        "reject": REJECTED,
        "reject hard-bounce": HARD,
        "reject invalid": HARD,
        "reject spam": LISTED,
        "reject unsub": UNSUBSCRIBED,
        "spam": COMPLAINED,
        "unsub": UNSUBSCRIBED,
        "blacklist": NOTED,  # changed, removed, or added by hand
        "blacklist add hard-bounce": HARD,
        "blacklist add spam": LISTED,
        "blacklist add unsub": UNSUBSCRIBED,
        "whitelist": NOTED,
        "open": IGNORED,
        "click": IGNORED,
    },
    # https://docs.postalserver.io/developer/webhooks
    "Postal": {
        "MessageSent": DELIVERED,
        "MessageDelayed": DEFERRED,
        "MessageHeld": DEFERRED,
        "MessageDeliveryFailed": BY_REPLY,
        "MessageBounced": SOFT,
        "MessageLinkClicked": IGNORED,
        "MessageLoaded": IGNORED,
        "SendLimitApproaching": NOTED,
        "SendLimitExceeded": NOTED,
        "DomainDNSError": NOTED,
    },
    # https://postmarkapp.com/developer/webhooks and …/api/bounce-api#bounce-types
    "Postmark": {
        "Delivery": DELIVERED,
        "Bounce": SOFT,
        "Bounce HardBounce": HARD,
        "Bounce BadEmailAddress": HARD,
        "Bounce SoftBounce": SOFT,
        "Bounce Blocked": SOFT,
        "Bounce VirusNotification": SOFT,
        "Bounce Unknown": SOFT,
        "Bounce Transient": DEFERRED,
        "Bounce DnsError": DEFERRED,
        "Bounce SpamNotification": NOTED,  # from the recipient's filter, not from the recipient
        "Bounce SpamComplaint": COMPLAINED,
        "Bounce AutoResponder": NOTED,
        "Bounce AddressChange": NOTED,
        "Bounce ChallengeVerification": NOTED,
        "Bounce Subscribe": NOTED,
        "Bounce OpenRelayTest": NOTED,
        "Bounce InboundError": NOTED,
        "Bounce Unsubscribe": UNSUBSCRIBED,
        "Bounce ManualSuppression": UNSUBSCRIBED,
        "Bounce ManuallyDeactivated": REJECTED,
        "Bounce Unconfirmed": REJECTED,
        "Bounce SMTPApiError": REJECTED,
        "Bounce DMARCPolicy": REJECTED,
        "Bounce TemplateRenderingFailed": REJECTED,
        "SpamComplaint": COMPLAINED,
        "SubscriptionChange": NOTED,  # mail to the address was allowed again
        "SubscriptionChange HardBounce": HARD,
        "SubscriptionChange SpamComplaint": COMPLAINED,
        "SubscriptionChange ManualSuppression": UNSUBSCRIBED,
        "Open": IGNORED,
        "Click": IGNORED,
    },
    # https://resend.com/docs/webhooks/event-types
    "Resend": {
        "email.scheduled": ACCEPTED,
        "email.sent": ACCEPTED,
        "email.delivered": DELIVERED,
        "email.delivery_delayed": DEFERRED,
        "email.bounced": SOFT,
        "email.bounced Transient": SOFT,
        "email.bounced Undetermined": SOFT,
        "email.bounced Permanent": HARD,
        "email.suppressed": HARD,  # the account's suppression list: nothing reaches this address
        "email.failed": REJECTED,
        "email.complained": COMPLAINED,
        "suppression.added bounce": HARD,
        "suppression.added complaint": LISTED,
        "suppression.added": NOTED,
        "suppression.removed": NOTED,
        "email.opened": IGNORED,
        "email.clicked": IGNORED,
    },
    # https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
    "SendGrid": {
        "processed": ACCEPTED,
        "delivered": DELIVERED,
        "deferred": DEFERRED,
        "bounce": BY_REPLY,
        "bounce blocked": SOFT,
        "bounce expired": SOFT,
        "dropped": REJECTED,
        "dropped bounced address": HARD,
        "dropped invalid": HARD,
        "dropped invalid smtpapi header": REJECTED,
        "dropped spam reporting address": LISTED,
        "dropped unsubscribed address": UNSUBSCRIBED,
        "spamreport": COMPLAINED,
        "unsubscribe": UNSUBSCRIBED,
        "group_unsubscribe": UNSUBSCRIBED,
        "group_resubscribe": NOTED,
        "open": IGNORED,
        "click": IGNORED,
    },
    # https://developers.sparkpost.com/api/webhooks/ and …/momentum/bounce-classification-codes
    "SparkPost": {
        "injection": ACCEPTED,
        "delivery": DELIVERED,
        "delay": DEFERRED,
        "bounce": SOFT,
        "bounce 10": HARD,  # invalid recipient
        "bounce 30": HARD,  # no recipient
        "bounce 60": NOTED,  # auto-reply
        "bounce 80": NOTED,  # subscribe
        "bounce 90": UNSUBSCRIBED,
        "bounce 100": NOTED,  # challenge and response
        "policy_rejection": REJECTED,
        "generation_failure": REJECTED,
        "generation_rejection": REJECTED,
        "spam_complaint": COMPLAINED,
        "spam_complaint not-spam": NOTED,
        "spam_complaint auth-failure": NOTED,
        "spam_complaint virus": NOTED,
        "list_unsubscribe": UNSUBSCRIBED,
        "link_unsubscribe": UNSUBSCRIBED,
        "open": IGNORED,
        "initial_open": IGNORED,
        "click": IGNORED,
        "amp_open": IGNORED,
        "amp_initial_open": IGNORED,
        "amp_click": IGNORED,
    },
    # https://godocs.unisender.ru/web-api-ref#callback-format
    "Unisender Go": {
        "sent": ACCEPTED,
        "delivered": DELIVERED,
        "soft_bounced": SOFT,
        "soft_bounced err_will_retry": DEFERRED,
        "hard_bounced": SOFT,  # too large, refused as spam, unreachable …
        "hard_bounced err_user_unknown": HARD,
        "hard_bounced err_user_inactive": HARD,
        "hard_bounced err_mailbox_discarded": HARD,
        "hard_bounced err_domain_inactive": HARD,
        "hard_bounced no details": HARD,
        "hard_bounced err_unsubscribed": UNSUBSCRIBED,
        "spam": COMPLAINED,
        "unsubscribed": UNSUBSCRIBED,
        "subscribed": NOTED,
        "opened": IGNORED,
        "clicked": IGNORED,
    },
}

# For the webhook views of others, which send Anymail's signal: only its own types are known.
ANYMAIL_MEANINGS: dict[str, Meaning] = {
    "queued": ACCEPTED,
    "sent": ACCEPTED,
    "deferred": DEFERRED,
    "delivered": DELIVERED,
    "bounced": BY_REPLY,
    "complained": COMPLAINED,
    "unsubscribed": UNSUBSCRIBED,
    "rejected": REJECTED,
    "rejected invalid": HARD,
    "rejected bounced": HARD,
    "rejected spam": LISTED,
    "rejected unsubscribed": UNSUBSCRIBED,
    "failed": REJECTED,
    "autoresponded": NOTED,
    "subscribed": NOTED,
    "opened": IGNORED,
    "clicked": IGNORED,
}


def _ses(e: Mapping[str, Any]) -> tuple[Any, ...]:
    kind = e.get("eventType") or e["notificationType"]
    if kind == "Bounce":
        return kind, e["bounce"]["bounceType"], e["bounce"].get("bounceSubType")
    if kind == "Complaint":
        details = e["complaint"]
        return kind, details.get("complaintSubType") or details.get("complaintFeedbackType")
    if kind == "Subscription":
        now = e["subscription"].get("newTopicPreferences") or {}
        return kind, "unsubscribeAll" if now.get("unsubscribeAll") else ""
    return (kind,)


def _mailgun(e: Mapping[str, Any]) -> tuple[Any, ...]:
    if "event-data" not in e:
        return e["event"], e.get("code")
    details = e["event-data"]
    return details["event"], details.get("severity"), details.get("reason")


def _mailjet(e: Mapping[str, Any]) -> tuple[Any, ...]:
    if e["event"] not in {"bounce", "blocked"}:
        return (e["event"],)
    return e["event"], "hard" if e.get("hard_bounce") else "soft", e.get("error")


def _mailtrap(e: Mapping[str, Any]) -> tuple[Any, ...]:
    if e["event"] != "reject":
        return (e["event"],)
    reason = str(e.get("reason", "")).lower()
    lists = {
        "bounce": "bounce",
        "spam": "complaint",
        "unsub": "unsubscription",
    }
    return e["event"], next((name for word, name in lists.items() if word in reason), "")


def _mandrill(e: Mapping[str, Any]) -> tuple[Any, ...]:
    if "event" not in e:
        return e["type"], e.get("action"), (e.get("reject") or {}).get("reason")
    details = e.get("msg") or {}
    if e["event"] == "reject":
        reject = details.get("reject") or {}
        return e["event"], reject.get("reason") if isinstance(reject, dict) else reject
    return e["event"], details.get("bounce_description")


def _postal(e: Mapping[str, Any]) -> tuple[Any, ...]:
    if e.get("event"):
        return (e["event"],)
    details = e["payload"]  # older versions do not name the event
    status = {
        "Sent": "MessageSent",
        "SoftFail": "MessageDelayed",
        "HardFail": "MessageDeliveryFailed",
        "Held": "MessageHeld",
    }
    return (status.get(details.get("status"), "MessageBounced" if "bounce" in details else ""),)


def _postmark(e: Mapping[str, Any]) -> tuple[Any, ...]:
    kind = e["RecordType"]
    if kind == "SubscriptionChange":
        stopped = e.get("SuppressSending", True)
        return kind, e.get("SuppressionReason") if stopped else ""
    return kind, e.get("Type")


def _resend(e: Mapping[str, Any]) -> tuple[Any, ...]:
    details = e.get("data") or {}
    if e["type"] == "email.bounced":
        return e["type"], (details.get("bounce") or {}).get("type")
    return e["type"], details.get("origin")


def _sendgrid(e: Mapping[str, Any]) -> tuple[Any, ...]:
    if e["event"] == "dropped":
        return e["event"], str(e.get("reason") or e.get("type") or "").lower()
    if e["event"] == "bounce" and e.get("bounce_classification") in SENDGRID_NOT_THE_ADDRESS:
        return e["event"], "blocked"
    return e["event"], e.get("type")


SENDGRID_NOT_THE_ADDRESS = {"Content", "Reputation", "Frequency/Volume", "Technical"}


def _sparkpost(e: Mapping[str, Any]) -> tuple[Any, ...]:
    (details,) = e["msys"].values()
    kind = "bounce" if details["type"] == "out_of_band" else details["type"]
    return kind, details.get("fbtype") if kind == "spam_complaint" else details.get("bounce_class")


def _unisender(e: Mapping[str, Any]) -> tuple[Any, ...]:
    details = (e.get("delivery_info") or {}).get("delivery_status")
    return e["status"], details or "no details"


EVENT_NAMES: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "Amazon SES": _ses,
    "Brevo": lambda e: (e["event"],),
    "MailerSend": lambda e: (e["data"]["type"],),
    "Mailgun": _mailgun,
    "Mailjet": _mailjet,
    "Mailtrap": _mailtrap,
    "Mandrill": _mandrill,
    "Postal": _postal,
    "Postmark": _postmark,
    "Resend": _resend,
    "SendGrid": _sendgrid,
    "SparkPost": _sparkpost,
    "Unisender Go": _unisender,
}


def event_name(provider: str, event: Any) -> str:
    """The provider's own words for an event, most general first; "" where it has none."""
    try:
        words = EVENT_NAMES[provider](event)
    except (KeyError, TypeError, AttributeError, ValueError):
        return ""
    return " ".join(str(word) for word in words if word not in {None, ""})


def meaning(provider: str, name: str) -> Meaning:
    """The meaning of an event's name, or of the longest beginning of it that has one."""
    table = EVENTS.get(provider, ANYMAIL_MEANINGS)
    words = name.split()
    for end in range(len(words), 0, -1):
        if (beginning := " ".join(words[:end])) in table:
            return table[beginning]
    return UNKNOWN


def event_kind(provider: str, name: str, reply: str = "") -> str | None:
    """The kind of an event by its name and the SMTP reply that it quotes; None to ignore it."""
    found = meaning(provider, name)
    if found == BY_REPLY:
        return HARD if is_hard(reply) else SOFT
    if found == HARD and FULL_MAILBOX.search(reply):
        return SOFT
    return found


# -- SMTP replies ---------------------------------------------------------------------------------

STATUS_IN_TEXT = re.compile(r"(?<![\w.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
FULL_MAILBOX = re.compile(
    r"(?<![\d.])[45]\.2\.2(?![\d.]*\d)|over\s?-?quota|quota exceeded|exceeded.{0,20}quota|"
    r"(?:mailbox|inbox).{0,20}full|full.{0,10}mailbox|insufficient storage",
    re.IGNORECASE,
)
NOT_THE_ADDRESS = re.compile(
    r"spam|blacklist|blocklist|black list|block list|blocked|reputation|\bdkim\b|\bspf\b|\bdmarc\b|"
    r"too (?:large|big)|size limit|greylist|grey-?listed|rate limit|policy|virus|content rejected|"
    r"timed? ?out|connection refused|relay(?:ing)? (?:access )?denied",
    re.IGNORECASE,
)
NO_SUCH_USER = re.compile(
    r"(?:user|addressee|recipient) unknown|unknown user|does ?n[o']t exist|"
    r"no such (?:user|recipient|mailbox|address)|"
    r"does not exist|invalid (?:recipient|mailbox|address)|"
    r"recipient (?:address )?rejected|"
    r"unknown (?:recipient|address|local.?part)|mailbox (?:not found|unavailable|disabled)|"
    r"no mailbox here|account.{0,30}(?:disabled|closed|not exist)|not our customer",
    re.IGNORECASE,
)
# RFC 3463 sections 3.2 to 3.8 and RFC 7505. Subject 1 is the address, 2 the mailbox.
HARD_STATUSES = {(2, 0), (2, 1), (4, 4), (4, 310), (7, 17), (0, 0)}
ADDRESS_OF_THE_SENDER = {7, 8}


def is_hard(reply: str, status: str = "") -> bool:
    """True where an SMTP reply says that the address will never take email.

    reply: the server's words. status: an enhanced status code (RFC 3463) where it is known apart
    from them. A full mailbox, a policy, a size limit and network trouble are soft, whatever the
    class of their code: a hard bounce stops all email to the address.
    """
    if FULL_MAILBOX.search(f"{status} {reply}"):
        return False
    found = STATUS_IN_TEXT.search(status) or STATUS_IN_TEXT.search(reply)
    if found is None:
        is_permanent = re.match(r"\W*(?:smtp;\s*)?5\d\d\b", reply, re.IGNORECASE)
        is_temporary = re.match(r"\W*(?:smtp;\s*)?4\d\d\b", reply, re.IGNORECASE)
        if NO_SUCH_USER.search(reply):
            return not is_temporary
        return bool(is_permanent) and not NOT_THE_ADDRESS.search(reply)
    digit, subject, detail = (int(part) for part in found.groups())
    if digit != 5:
        return False
    if subject == 1:
        return detail not in ADDRESS_OF_THE_SENDER
    if (subject, detail) in HARD_STATUSES:
        return not NOT_THE_ADDRESS.search(reply)
    # Exchange says 5.4.1 "Recipient address rejected"; a 5.7 reply is a policy, whatever its words.
    return subject != 7 and bool(NO_SUCH_USER.search(reply))
