"""Webhook posts as the providers document them, signed as they sign them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from mailroom.webhooks.sns import canonical

BASIC = "hook:s3cret"
KEY = "0123456789abcdef0123456789abcdef"
SVIX_KEY = "whsec_" + base64.b64encode(KEY.encode()).decode()
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"


class Told(NamedTuple):
    """What an event is about: its kind, our delivery id, the address, the provider's ids."""

    kind: str  # delivered, hard, soft, complaint
    delivery: int
    address: str = "ann@example.com"
    id: str = "e1"
    provider_id: str = "p-1"
    at: datetime = datetime.now(UTC)


class Post(NamedTuple):
    """A body and its headers, as Django's test client takes them."""

    body: bytes
    headers: dict[str, str]


def _basic(told: Any, secret: str = BASIC, **headers: str) -> Post:
    token = base64.b64encode(secret.encode()).decode()
    return Post(json.dumps(told).encode(), {"Authorization": f"Basic {token}", **headers})


def postmark(told: Told, key: str = BASIC) -> Post:
    # https://postmarkapp.com/developer/webhooks/bounce-webhook and its siblings
    common = {
        "MessageID": told.provider_id,
        "Metadata": {"delivery": str(told.delivery)},
        "ServerID": 23,
        "MessageStream": "broadcast",
        "Tag": "newsletters",
    }
    if told.kind == "delivered":
        record = {
            "RecordType": "Delivery",
            "Recipient": told.address,
            "DeliveredAt": told.at.isoformat(),
            "Details": "Test delivery webhook details",
        }
    else:
        types = {"hard": ("HardBounce", 1), "soft": ("SoftBounce", 4096)}
        name, code = types.get(told.kind, ("SpamComplaint", 512))
        record = {
            "RecordType": "SpamComplaint" if told.kind == "complaint" else "Bounce",
            "ID": int(hashlib.sha256(told.id.encode()).hexdigest()[:10], 16),
            "Type": name,
            "TypeCode": code,
            "Email": told.address,
            "From": "news@example.org",
            "BouncedAt": told.at.isoformat(),
            "Description": "The server was unable to deliver your message.",
            "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
            "Inactive": True,
            "CanActivate": True,
            "Subject": "Hello",
        }
    return _basic({**common, **record}, key)


def mailgun(told: Told, key: str = KEY) -> Post:
    # https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
    token = hashlib.sha256(told.id.encode()).hexdigest()[:50]
    stamp = str(int(told.at.timestamp()))
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    events = {"delivered": "delivered", "complaint": "complained"}
    event: dict[str, Any] = {
        "event": events.get(told.kind, "failed"),
        "id": told.id,
        "timestamp": told.at.timestamp(),
        "recipient": told.address,
        "user-variables": {"delivery": str(told.delivery)},
        "tags": [],
        "message": {"headers": {"message-id": told.provider_id, "to": told.address}},
        "delivery-status": {"code": 550, "message": "5.1.1 no such user", "description": ""},
    }
    if told.kind in {"hard", "soft"}:
        is_hard = told.kind == "hard"
        # A temporary failure is retried by Mailgun; a permanent one that is generic gave up.
        event |= {"severity": "permanent", "reason": "bounce" if is_hard else "generic"}
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    return Post(json.dumps({"signature": signed, "event-data": event}).encode(), {})


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


def amazon_ses(told: Told, key: str = BASIC) -> Post:
    # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
    people = [{"emailAddress": told.address, "diagnosticCode": "smtp; 550 5.1.1 unknown"}]
    bounce = {
        "bounceType": "Permanent" if told.kind == "hard" else "Transient",
        "bounceSubType": "General",
        "bouncedRecipients": people,
    }
    event = {
        "delivered": {"eventType": "Delivery", "delivery": {"recipients": [told.address]}},
        "complaint": {"eventType": "Complaint", "complaint": {"complainedRecipients": people}},
    }.get(told.kind, {"eventType": "Bounce", "bounce": bounce})
    metadata = json.dumps({"delivery": str(told.delivery)})
    mail = {
        "messageId": told.provider_id,
        "destination": [told.address],
        "headers": [{"name": "X-Metadata", "value": metadata}],
    }
    message = {
        "Type": "Notification",
        "MessageId": told.id,
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:ses",
        "Message": json.dumps({**event, "mail": mail}),
        "Timestamp": told.at.isoformat(),
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
    }
    signature = amazon()[0].sign(canonical(message), padding.PKCS1v15(), hashes.SHA256())
    message["Signature"] = base64.b64encode(signature).decode()
    sns = {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": told.id}
    return _basic(message, key, **sns)


def brevo(told: Told, key: str = BASIC) -> Post:
    # https://developers.brevo.com/docs/transactional-webhooks
    events = {"hard": "hard_bounce", "soft": "soft_bounce", "complaint": "spam"}
    event = {
        "event": events.get(told.kind, "delivered"),
        "email": told.address,
        "id": 26224,
        "date": "2026-11-24 12:00:00",
        # Brevo has no event id: two events are two because something in them differs.
        "ts_epoch": int(told.at.timestamp() * 1000) + len(told.id),
        "message-id": f"<{told.provider_id}{told.id}@relay.brevo.com>",
        "X-Mailin-custom": json.dumps({"delivery": str(told.delivery)}),
        "reason": "550 5.1.1 unknown",
    }
    return _basic(event, key)


def resend(told: Told, key: str = SVIX_KEY) -> Post:
    # https://resend.com/docs/dashboard/webhooks/event-types
    kinds = {"delivered": "email.delivered", "complaint": "email.complained"}
    metadata = json.dumps({"delivery": str(told.delivery)})
    data: dict[str, Any] = {
        "email_id": told.provider_id,
        "to": [told.address],
        "headers": [{"name": "X-Metadata", "value": metadata}],
    }
    if told.kind in {"hard", "soft"}:
        data["bounce"] = {
            "message": "The recipient's email provider sent a bounce message.",
            "type": "Permanent" if told.kind == "hard" else "Transient",
            "subType": "General",
        }
    kind = kinds.get(told.kind, "email.bounced")
    body = json.dumps({"type": kind, "created_at": told.at.isoformat(), "data": data}).encode()
    stamp = str(int(told.at.timestamp()))
    secret = base64.b64decode(key.removeprefix("whsec_"))
    signed = f"{told.id}.{stamp}.".encode() + body
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    headers = {"svix-id": told.id, "svix-timestamp": stamp, "svix-signature": f"v1,{digest}"}
    return Post(body, headers)


def sparkpost(told: Told, key: str = BASIC) -> Post:
    # https://developers.sparkpost.com/api/webhooks/
    kinds = {"delivered": "delivery", "complaint": "spam_complaint"}
    event = {
        "type": kinds.get(told.kind, "bounce"),
        "event_id": told.id,
        "timestamp": str(int(told.at.timestamp())),
        "transmission_id": told.provider_id,
        "raw_rcpt_to": told.address,
        "rcpt_meta": {"delivery": str(told.delivery)},
    }
    if told.kind in {"hard", "soft"}:
        event["bounce_class"] = "10" if told.kind == "hard" else "22"
        event["raw_reason"] = "550 5.1.1 unknown"
    place = "track_event" if told.kind == "open" else "message_event"
    return _basic([{"msys": {place: event}}], key)


def mailersend(told: Told, key: str = KEY) -> Post:
    # https://developers.mailersend.com/api/v1/webhooks.html
    kinds = {"hard": "hard_bounced", "soft": "soft_bounced", "complaint": "spam_complaint"}
    kind = kinds.get(told.kind, "delivered")
    email = {"message": {"id": told.provider_id}, "recipient": {"email": told.address}}
    data = {
        "object": "activity",
        "id": told.id,
        "type": kind,
        "created_at": told.at.isoformat(),
        "email": {"object": "email", **email},
        "morph": {"object": "recipient_bounce", "reason": "unknown"} if "bounced" in kind else None,
    }
    told_type = f"activity.{kind}"
    body = json.dumps({"type": told_type, "domain_id": "d", "data": data}).encode()
    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return Post(body, {"Signature": signature})


PROVIDERS: dict[str, Callable[..., Post]] = {
    "postmark": postmark,
    "mailgun": mailgun,
    "amazon_ses": amazon_ses,
    "brevo": brevo,
    "resend": resend,
    "sparkpost": sparkpost,
    "mailersend": mailersend,
}
SIGNED = {"mailgun": KEY, "resend": SVIX_KEY, "mailersend": KEY}
