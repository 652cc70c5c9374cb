"""Webhook posts as the providers document them, signed as they sign them.

`SAMPLES[provider]` makes the payload of an event from its name in `mailroom.webhooks.events`.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from mailroom.webhooks.signatures import canonical
from sandbox import webhooks as sandbox
from sandbox.webhooks import WebhookPost

BASIC = "hook:a-secret-of-tests"
KEY = "0123456789abcdef0123456789abcdef"
SVIX_KEY = "whsec_" + base64.b64encode(KEY.encode()).decode()
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses"
DEAD = "550 5.1.1 The email account that you tried to reach does not exist."


class Told(NamedTuple):
    """What an event is about: its kind, our delivery id, the address, the provider's ids."""

    kind: str  # delivered, hard, soft, complaint, or the name of an event
    delivery: int
    address: str = "ann@example.com"
    id: str = "e1"
    provider_id: str = "p-1"
    at: datetime = datetime.now(UTC)


# -- Payloads: the name of an event and what it is about → what the provider posts -----------------


def ses_event(name: str, told: Told) -> Any:
    # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
    kind, _, sub = name.partition(" ")
    people = [{"emailAddress": told.address, "diagnosticCode": f"smtp; {DEAD}", "status": "5.1.1"}]
    stamp = told.at.isoformat()
    details: dict[str, Any] = {"timestamp": stamp}
    key = kind[0].lower() + kind[1:]
    if kind == "Bounce":
        hard, _, detail = sub.partition(" ")
        details |= {"bounceType": hard, "bounceSubType": detail or "General"}
        details |= {"bouncedRecipients": people, "feedbackId": "0100"}
        if hard != "Permanent":
            people[0]["diagnosticCode"] = "smtp; 451 4.3.0 try later"
    elif kind == "Complaint":
        details |= {"complainedRecipients": people, "feedbackId": "0100", "complaintSubType": None}
        if sub == "OnAccountSuppressionList":
            details["complaintSubType"] = sub
        else:
            details["complaintFeedbackType"] = sub or "abuse"
    elif kind == "DeliveryDelay":
        details |= {
            "delayType": "MailboxFull",
            "expirationTime": stamp,
            "delayedRecipients": people,
        }
    elif kind == "Delivery":
        details |= {"recipients": [told.address], "smtpResponse": "250 2.6.0 Message received"}
    elif kind == "Reject":
        details["reason"] = "Bad content"
    elif kind == "Rendering":
        kind, key = name, "failure"
        details = {"errorMessage": "Attribute 'attributeName' is not present", "templateName": "T"}
    elif kind == "Subscription":
        details |= {"contactList": "List", "source": "UnsubscribeHeader"}
        details["newTopicPreferences"] = {"unsubscribeAll": sub == "unsubscribeAll"}
        details["oldTopicPreferences"] = {"unsubscribeAll": False}
    mail = {
        "timestamp": stamp,
        "source": "sender@example.com",
        "messageId": told.provider_id,
        "destination": [told.address],
        "headers": [{"name": "X-Metadata", "value": json.dumps({"delivery": str(told.delivery)})}],
        "tags": {"ses:configuration-set": ["ConfigSet"]},
    }
    return {"eventType": kind, "mail": mail, key: details}


def brevo_event(name: str, told: Told) -> Any:
    # https://developers.brevo.com/docs/transactional-webhooks
    return {
        "event": name,
        "email": told.address,
        "id": 26224,
        "date": "2026-11-24 12:00:00",
        "ts": int(told.at.timestamp()),
        # Brevo has no event id: two events are two because something in them differs.
        "ts_epoch": int(told.at.timestamp() * 1000) + len(told.id),
        "ts_event": int(told.at.timestamp()),
        "message-id": f"<{told.provider_id}{told.id}@relay.brevo.com>",
        "subject": "My first Transactional",
        "X-Mailin-custom": json.dumps({"delivery": str(told.delivery)}),
        "sending_ip": "xxx.xxx.xxx.xxx",
        "template_id": 22,
        "tags": ["transac_messages"],
        "reason": "550 5.1.1 unknown" if "bounce" in name else "",
    }


def mailersend_event(name: str, told: Told) -> Any:
    # https://developers.mailersend.com/api/v1/webhooks.html
    data = {
        "object": "activity",
        "id": told.id,
        "type": name,
        "created_at": told.at.isoformat(),
        "email": {
            "object": "email",
            "id": "62f114f8165fe0d8db0288e5",
            "status": "rejected",
            "tags": None,
            "message": {"object": "message", "id": told.provider_id},
            "recipient": {"object": "recipient", "email": told.address},
        },
        "morph": {"object": "recipient_bounce", "reason": "unknown"} if "bounced" in name else None,
    }
    return {"type": f"activity.{name}", "domain_id": "d", "webhook_id": "w", "data": data}


def mailgun_event(name: str, told: Told) -> Any:
    # https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
    kind, severity, _reason = [*name.split(), "", ""][:3]
    if kind in {"bounced", "dropped"}:  # posts of old webhooks
        variables = json.dumps({"delivery": str(told.delivery)})
        return {
            "event": kind,
            "recipient": told.address,
            "domain": "example.com",
            "Message-Id": f"<{told.provider_id}>",
            "code": severity or "550",
            "error": DEAD,
            "message-headers": json.dumps([["X-Mailgun-Variables", variables]]),
        }
    return sandbox.mailgun_event(_event(name, told))


def _event(name: str, told: Told) -> sandbox.ProviderEvent:
    metadata = {"delivery": str(told.delivery)}
    ids = {"id": told.id, "message_id": told.provider_id}
    return sandbox.ProviderEvent(name, told.address, metadata=metadata, at=told.at, **ids)


def mailjet_event(name: str, told: Told) -> Any:
    # https://dev.mailjet.com/email/guides/webhooks/
    kind, hardness, error = [*name.split(" ", 2), "", ""][:3]
    event = {
        "event": kind,
        "time": int(told.at.timestamp()) + len(told.id),
        "MessageID": int(hashlib.sha256(told.provider_id.encode()).hexdigest()[:12], 16),
        "Message_GUID": "1ab23cd4-e567-8901-2345-6789f0gh1i2j",
        "email": told.address,
        "mj_campaign_id": 7257,
        "mj_contact_id": 4,
        "customcampaign": "",
        "CustomID": "",
        "Payload": json.dumps({"delivery": str(told.delivery)}),
    }
    if kind in {"bounce", "blocked"}:
        event |= {"hard_bounce": hardness == "hard", "blocked": kind == "blocked"}
        event |= {"error_related_to": "recipient", "error": error or "user unknown"}
    return [event]


def mailtrap_event(name: str, told: Told) -> Any:
    # https://docs.mailtrap.io/email-api-smtp/advanced/webhooks
    reasons = {
        "bounce": "Recipient in suppression list. Reason: hard bounce",
        "complaint": "Recipient in suppression list. Reason: spam complaint",
        "unsubscription": "Recipient in suppression list. Reason: unsubscription",
    }
    kind, _, why = name.partition(" ") if name.startswith("reject") else (name, "", "")
    event = {
        "event": kind,
        "message_id": told.provider_id,
        "sending_stream": "bulk",
        "email": told.address,
        "timestamp": int(told.at.timestamp()),
        "event_id": told.id,
        "category": "newsletters",
        "custom_variables": {"delivery": str(told.delivery)},
    }
    if kind == "reject":
        event["reason"] = reasons.get(why, "Domain is not verified")
    if "bounce" in kind:
        event |= {"response": DEAD, "response_code": 550, "bounce_category": "badmailbox"}
    return {"events": [event]}


def mandrill_event(name: str, told: Told) -> Any:
    # https://mailchimp.com/developer/transactional/docs/webhooks/
    kind, first, second = [*name.split(), "", ""][:3]
    stamp = int(told.at.timestamp()) + len(told.id)
    if kind in {"blacklist", "whitelist"}:
        entry = {
            "reason": second or "custom",
            "detail": "",
            "email": told.address,
            "expired": False,
        }
        key = "reject" if kind == "blacklist" else "entry"
        return [{"type": kind, "action": first or "remove", "ts": stamp, key: entry}]
    message: dict[str, Any] = {
        "_id": told.provider_id,
        "_version": "exampleaaaaaaaaaaaaaaa",
        "email": told.address,
        "sender": "example.sender@mandrillapp.com",
        "subject": "This an example webhook message",
        "metadata": {"delivery": str(told.delivery)},
        "tags": ["webhook-example"],
        "state": "bounced" if "bounce" in kind else "sent",
        "ts": stamp,
    }
    if "bounce" in kind:
        message |= {"bounce_description": first or "bad_mailbox", "diag": f"smtp;{DEAD}"}
    if kind == "reject":
        message |= {"reject": {"reason": first or "custom"}, "state": "rejected"}
    return [{"event": kind, "_id": told.provider_id, "ts": stamp, "msg": message}]


def postal_event(name: str, told: Told) -> Any:
    # https://docs.postalserver.io/developer/webhooks
    message = {
        "id": told.provider_id,
        "token": "rC6ydMEgzt",
        "direction": "outgoing",
        "message_id": "<x@example.com>",
        "to": told.address,
        "from": "sales@example.org",
        "subject": "Welcome",
        "timestamp": told.at.timestamp(),
        "spam_status": "NotChecked",
        "tag": "welcome",
    }
    status = {
        "MessageSent": "Sent",
        "MessageDelayed": "SoftFail",
        "MessageDeliveryFailed": "HardFail",
        "MessageHeld": "Held",
    }.get(name)
    if name == "MessageBounced":
        payload: dict[str, Any] = {"original_message": message, "bounce": {**message, "id": 9}}
    elif status:
        output = DEAD if status == "HardFail" else "250 2.0.0 OK"
        payload = {
            "message": message,
            "status": status,
            "details": "Sent by SMTP",
            "output": output,
        }
    elif name == "MessageLinkClicked":
        payload = {"message": message, "url": "https://example.org", "ip_address": "185.22.208.2"}
    else:
        payload = {"message": message} if name == "MessageLoaded" else {"server": {"name": "Web"}}
    stamp = told.at.timestamp()
    return {"event": name, "timestamp": stamp, "uuid": told.id, "payload": payload}


def postmark_event(name: str, told: Told) -> Any:
    return sandbox.postmark_event(_event(name, told))


def resend_event(name: str, told: Told) -> Any:
    # https://resend.com/docs/webhooks/event-types
    kind, _, detail = name.partition(" ")
    if kind.startswith("suppression."):
        data: dict[str, Any] = {"id": "s-1", "email": told.address, "origin": detail or "manual"}
        return {"type": kind, "created_at": told.at.isoformat(), "data": data}
    data = {
        "created_at": told.at.isoformat(),
        "email_id": told.provider_id,
        "from": "Acme <onboarding@resend.dev>",
        "to": [told.address],
        "subject": "Sending this example",
        "headers": [{"name": "X-Metadata", "value": json.dumps({"delivery": str(told.delivery)})}],
    }
    if kind == "email.bounced":
        words = "The recipient's email provider sent a bounce message."
        data["bounce"] = {"message": words, "subType": "General", "type": detail or "New"}
    if kind == "email.failed":
        data["failed"] = {"reason": "reached_daily_quota"}
    if kind == "email.suppressed":
        data["suppressed"] = {"message": "on the list", "type": "OnAccountSuppressionList"}
    return {"type": kind, "created_at": told.at.isoformat(), "data": data}


def sendgrid_event(name: str, told: Told) -> Any:
    # https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
    kind, _, detail = name.partition(" ")
    event = {
        "email": told.address,
        "timestamp": int(told.at.timestamp()),
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": kind,
        "category": ["cat facts"],
        "sg_event_id": told.id,
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "anymail_id": told.provider_id,
        "delivery": str(told.delivery),
    }
    if kind == "bounce":
        event |= {"type": detail or "bounce", "reason": DEAD, "status": "5.1.1"}
    if kind == "dropped":
        event |= {"reason": detail.title() or "Spam Content", "status": "5.0.0"}
    return [event]


def sparkpost_event(name: str, told: Told) -> Any:
    # https://developers.sparkpost.com/api/webhooks/
    kind, _, detail = name.partition(" ")
    event = {
        "type": kind,
        "event_id": told.id,
        "timestamp": str(int(told.at.timestamp())),
        "transmission_id": told.provider_id,
        "raw_rcpt_to": told.address,
        "rcpt_to": told.address.lower(),
        "rcpt_meta": {"delivery": str(told.delivery)},
    }
    if kind == "bounce":
        event |= {"bounce_class": detail or "22", "raw_reason": DEAD, "error_code": "550"}
    if kind == "spam_complaint":
        event["fbtype"] = detail or "abuse"
    places = {
        "open": "track_event",
        "click": "track_event",
        "list_unsubscribe": "unsubscribe_event",
    }
    return [{"msys": {places.get(kind, "message_event"): event}}]


def unisender_event(name: str, told: Told) -> Any:
    # https://godocs.unisender.ru/web-api-ref#callback-format
    kind, _, detail = name.partition(" ")
    data: dict[str, Any] = {
        "job_id": told.provider_id,
        "metadata": {"delivery": str(told.delivery)},
        "email": told.address,
        "status": kind,
        "event_time": told.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }
    if kind.endswith("bounced") and detail != "no details":
        status = detail or "err_too_large"
        data["delivery_info"] = {"delivery_status": status, "destination_response": DEAD}
    event = {"event_name": "transactional_email_status", "event_data": data}
    return {"events_by_user": [{"user_id": 456, "events": [event]}]}


# -- Signatures ------------------------------------------------------------------------------------


def _basic(told: Any, secret: str, told_id: str) -> WebhookPost:
    return sandbox.basic(told, secret)


def _mailgun(told: Any, key: str, told_id: str) -> WebhookPost:
    signed = sandbox.mailgun_signature(key)
    if "event-data" not in told:
        return WebhookPost(
            urlencode({**told, **signed}).encode(), {}, "application/x-www-form-urlencoded"
        )
    return WebhookPost(json.dumps({"signature": signed, **told}).encode(), {})


@cache
def amazon() -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key, and a certificate for it in PEM, in place of Amazon's."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    now = datetime.now(UTC)
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = made.sign(key, hashes.SHA256())
    return key, certificate.public_bytes(serialization.Encoding.PEM)


def _sns(told: Any, secret: str, told_id: str) -> WebhookPost:
    message = {
        "Type": "Notification",
        "MessageId": told_id,
        "TopicArn": TOPIC,
        "Message": json.dumps(told),
        "Timestamp": datetime.now(UTC).isoformat(),
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
    }
    signature = amazon()[0].sign(canonical(message), padding.PKCS1v15(), hashes.SHA256())
    message["Signature"] = base64.b64encode(signature).decode()
    post = _basic(message, secret, told_id)
    sns = {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": told_id}
    return post._replace(headers=post.headers | sns)


def raw_sns(told: Any) -> WebhookPost:
    """What SNS posts where raw message delivery is on: the event alone, and nothing signed."""
    post = _basic(told, BASIC, "")
    sns = {
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": "raw-1",
        "x-amz-sns-topic-arn": TOPIC,
        "x-amz-sns-rawdelivery": "true",
    }
    return post._replace(headers=post.headers | sns)


def _svix(told: Any, key: str, told_id: str) -> WebhookPost:
    body = json.dumps(told).encode()
    stamp = str(int(datetime.now(UTC).timestamp()))
    secret = base64.b64decode(key.removeprefix("whsec_"))
    signed = f"{told_id}.{stamp}.".encode() + body
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    headers = {"svix-id": told_id, "svix-timestamp": stamp, "svix-signature": f"v1,{digest}"}
    return WebhookPost(body, headers)


def _hmac_in(header: str) -> Callable[[Any, str, str], WebhookPost]:
    def sign(told: Any, key: str, told_id: str) -> WebhookPost:
        body = json.dumps(told).encode()
        return WebhookPost(body, {header: hmac.new(key.encode(), body, hashlib.sha256).hexdigest()})

    return sign


def _mandrill(told: Any, key: str, told_id: str) -> WebhookPost:
    events = json.dumps(told)
    url = "http://testserver/mail/webhooks/mandrill/tracking/"
    signed = f"{url}mandrill_events{events}".encode()
    digest = base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha1).digest()).decode()
    body = urlencode({"mandrill_events": events}).encode()
    kind = "application/x-www-form-urlencoded"
    return WebhookPost(body, {"X-Mandrill-Signature": digest}, kind)


@cache
def postal_key() -> tuple[rsa.RSAPrivateKey, str]:
    """A private key, and the public one as Postal shows it: one line of base64."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key, base64.b64encode(key.public_key().public_bytes(*der)).decode()


def _postal(told: Any, key: str, told_id: str) -> WebhookPost:
    body = json.dumps(told).encode()
    signature = postal_key()[0].sign(body, padding.PKCS1v15(), hashes.SHA1())
    if key != postal_key()[1]:
        signature = signature[::-1]
    return WebhookPost(body, {"X-Postal-Signature": base64.b64encode(signature).decode()})


def _unisender(told: Any, key: str, told_id: str) -> WebhookPost:
    body = json.dumps({"auth": key, **told}).encode()
    auth = hashlib.md5(body).hexdigest()
    return WebhookPost(body.replace(key.encode(), auth.encode(), 1), {})


class Maker(NamedTuple):
    """How a provider's posts are made; names: its own for delivered, hard, soft and complaint."""

    title: str
    payload: Callable[[str, Told], Any]
    names: tuple[str, str, str, str]
    sign: Callable[[Any, str, str], WebhookPost] = _basic
    key: str = BASIC


MAKERS = {
    "amazon_ses": Maker(
        "Amazon SES",
        ses_event,
        ("Delivery", "Bounce Permanent", "Bounce Transient", "Complaint"),
        _sns,
    ),
    "brevo": Maker("Brevo", brevo_event, ("delivered", "hard_bounce", "soft_bounce", "spam")),
    "mailersend": Maker(
        "MailerSend",
        mailersend_event,
        ("delivered", "hard_bounced", "soft_bounced", "spam_complaint"),
        _hmac_in("Signature"),
        KEY,
    ),
    "mailgun": Maker(
        "Mailgun",
        mailgun_event,
        ("delivered", "failed permanent bounce", "failed permanent", "complained"),
        _mailgun,
        KEY,
    ),
    "mailjet": Maker("Mailjet", mailjet_event, ("sent", "bounce hard", "bounce soft", "spam")),
    "mailtrap": Maker(
        "Mailtrap",
        mailtrap_event,
        ("delivery", "bounce", "soft bounce", "spam"),
        _hmac_in("Mailtrap-Signature"),
        KEY,
    ),
    "mandrill": Maker(
        "Mandrill",
        mandrill_event,
        ("delivered", "hard_bounce", "soft_bounce", "spam"),
        _mandrill,
        KEY,
    ),
    "postal": Maker(
        "Postal",
        postal_event,
        ("MessageSent", "MessageDeliveryFailed", "MessageBounced", ""),
        _postal,
        postal_key()[1],
    ),
    "postmark": Maker(
        "Postmark",
        postmark_event,
        ("Delivery", "Bounce HardBounce", "Bounce SoftBounce", "SpamComplaint"),
    ),
    "resend": Maker(
        "Resend",
        resend_event,
        (
            "email.delivered",
            "email.bounced Permanent",
            "email.bounced Transient",
            "email.complained",
        ),
        _svix,
        SVIX_KEY,
    ),
    "sendgrid": Maker(
        "SendGrid", sendgrid_event, ("delivered", "bounce", "bounce blocked", "spamreport")
    ),
    "sparkpost": Maker(
        "SparkPost", sparkpost_event, ("delivery", "bounce 10", "bounce", "spam_complaint")
    ),
    "unisender_go": Maker(
        "Unisender Go",
        unisender_event,
        ("delivered", "hard_bounced err_user_unknown", "soft_bounced", "spam"),
        _unisender,
        KEY,
    ),
}
SIGNED = {name: maker.key for name, maker in MAKERS.items() if maker.key != BASIC}
# Postal has no complaints, and no second key of its own kind: it is left out where all must do all.
PROVIDERS = [name for name in MAKERS if name != "postal"]


def post(provider: str, told: Told, key: str = "") -> WebhookPost:
    """The post of a provider about an event."""
    maker = MAKERS[provider]
    usual = dict(zip(("delivered", "hard", "soft", "complaint"), maker.names, strict=True))
    payload = maker.payload(usual.get(told.kind, told.kind), told)
    return maker.sign(payload, key or maker.key, told.id)


def sparkpost(told: Told) -> WebhookPost:
    return post("sparkpost", told)
