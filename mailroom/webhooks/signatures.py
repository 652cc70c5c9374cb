"""Signatures that Anymail does not verify, or verifies only with more packages: SNS and Svix."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import requests
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailWebhookValidationFailure,
)
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBaseWebhookView, AnymailBasicAuthMixin
from anymail.webhooks.resend import ResendTrackingWebhookView
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime

# Matched as a whole: `sns.s3-us-west-2.amazonaws.com` may be anybody's bucket.
_REGION = r"(?!cn)[a-z]{2}(?:-gov|-iso[a-z]?)?-(?:north|south|east|west|central){1,2}-\d"
CERTIFICATE_URL = re.compile(
    rf"https://sns\.(?:{_REGION}\.amazonaws\.com|cn-[a-z]+-\d\.amazonaws\.com\.cn)"
    r"/SimpleNotificationService-[0-9A-Za-z]+\.pem",
)
SIGNED_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
SIGNED_FIELDS["UnsubscribeConfirmation"] = SIGNED_FIELDS["SubscriptionConfirmation"]
HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303
GREETING = "Successfully validated SNS topic for Amazon SES event publishing."
LARGEST_CERTIFICATE = 20_000  # bytes


class SNSTrackingWebhookView(AmazonSESTrackingWebhookView):
    """Anymail's view, with the signature verified, and with all events and their recipients.

    https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. Anybody's
    account at Amazon can make SNS post here, so the secret in the URL is asked for as well. With
    raw message delivery SNS signs nothing: there the secret alone counts.
    """

    def run_validators(self, request: HttpRequest) -> None:
        """Ask a raw message for the secret alone: Anymail would compare its envelope, too."""
        if _is_raw(request):
            AnymailBasicAuthMixin.validate_request(self, request)
        else:
            super().run_validators(request)

    def validate_request(self, request: HttpRequest) -> None:
        """Raises AnymailWebhookValidationFailure unless Amazon signed the message."""
        AnymailBasicAuthMixin.validate_request(self, request)  # first: strangers cause no fetching
        try:
            self._verify(_sns_message(request))
        except (InvalidSignature, KeyError, ValueError, TypeError, AttributeError) as error:
            raise AnymailWebhookValidationFailure("SNS's signature is not good") from error

    def parse_events(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
        """As Anymail's, which cannot read a raw message."""
        message = _sns_message(request)
        if message.get("Type") == "SubscriptionConfirmation":
            self.auto_confirm_sns_subscription(message)
        if message.get("Type") != "Notification" or message.get("Message") == GREETING:
            return []
        return self.esp_to_anymail_events(_json(message.get("Message")), message)

    @staticmethod
    def _verify(message: dict[str, Any]) -> None:
        try:
            signature = base64.b64decode(message["Signature"], validate=True)
        except binascii.Error:
            raise InvalidSignature from None
        key = certificate_key(message["SigningCertURL"])
        hashing = HASHES[message["SignatureVersion"]]
        key.verify(signature, canonical(message), padding.PKCS1v15(), hashing)

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: dict[str, Any]
    ) -> list[AnymailTrackingEvent]:
        kind = ses_event.get("eventType") or ses_event.get("notificationType")
        if kind == "Received":
            raise AnymailConfigurationError("An inbound rule of SES posts to the tracking webhook.")
        return [
            self.esp_to_anymail_event(kind, one, sns_message, ses_event)
            for one in _people(ses_event)
        ]

    def esp_to_anymail_event(
        self, kind: str | None, person: Any, sns_message: dict[str, Any], ses_event: dict[str, Any]
    ) -> AnymailTrackingEvent:
        """One event for one recipient. Its class in Anymail comes from its name: see `events`."""
        mail, details = ses_event.get("mail") or {}, _details(ses_event)
        words = [details.get(name) for name in ("bounceType", "bounceSubType", "delayType")]
        words += [details.get(name) for name in ("complaintSubType", "complaintFeedbackType")]
        words += [details.get(name) for name in ("reason", "errorMessage")]
        reply = person.get("diagnosticCode") if isinstance(person, dict) else None
        stamp = details.get("timestamp") or sns_message.get("Timestamp") or mail.get("timestamp")
        return AnymailTrackingEvent(
            event_type=str(kind),
            esp_event=ses_event,
            event_id=sns_message.get("MessageId"),
            timestamp=parse_datetime(stamp) if stamp else None,
            message_id=mail.get("messageId"),
            metadata=_metadata(mail),
            recipient=person["emailAddress"] if isinstance(person, dict) else person,
            description=": ".join(str(word) for word in words if word),
            mta_response=reply or details.get("smtpResponse"),
        )


def _sns_message(request: HttpRequest) -> dict[str, Any]:
    """The message of a post; a raw one is put back into the envelope that it came without."""
    if not _is_raw(request):
        return _json(request.body)
    return {
        "Type": request.headers.get("x-amz-sns-message-type", ""),
        "MessageId": request.headers.get("x-amz-sns-message-id", ""),
        "TopicArn": request.headers.get("x-amz-sns-topic-arn", ""),
        "Message": request.body.decode(),
    }


def _json(text: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError) as error:
        raise AnymailAPIError("Malformed SNS message") from error
    return found


def _is_raw(request: HttpRequest) -> bool:
    return request.headers.get("x-amz-sns-rawdelivery") == "true"


def _details(event: dict[str, Any]) -> dict[str, Any]:
    """The object of an event that is named as the event is: `deliveryDelay` for DeliveryDelay."""
    kind = event.get("eventType") or event.get("notificationType") or ""
    name = "failure" if kind == "Rendering Failure" else f"{kind[:1].lower()}{kind[1:]}"
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _people(event: dict[str, Any]) -> Iterator[Any]:
    """Whom an event is about: those it names itself, else all recipients of the email."""
    details = _details(event)
    names = ("bouncedRecipients", "complainedRecipients", "delayedRecipients", "recipients")
    named = next((details[name] for name in names if details.get(name)), None)
    yield from named or (event.get("mail") or {}).get("destination") or [""]


def _metadata(mail: dict[str, Any]) -> dict[str, Any]:
    for header in mail.get("headers") or []:
        if isinstance(header, dict) and str(header.get("name")).lower() == "x-metadata":
            with suppress(ValueError, TypeError, KeyError):
                found = json.loads(header["value"])
                return found if isinstance(found, dict) else {}
    return {}


def canonical(message: dict[str, Any]) -> bytes:
    """The text that SNS signs: names and values of some fields, a line each, in this order."""
    names = (name for name in SIGNED_FIELDS[message["Type"]] if message.get(name) is not None)
    return "".join(f"{name}\n{message[name]}\n" for name in names).encode()


@lru_cache(maxsize=8)
def certificate_key(url: str) -> rsa.RSAPublicKey:
    """The public key of Amazon's certificate at `url`.

    Raises ValueError for an address that is not Amazon's: anybody has certificates elsewhere.
    """
    if not CERTIFICATE_URL.fullmatch(url):
        raise ValueError("the certificate is not Amazon's")
    answer = requests.get(url, timeout=10, allow_redirects=False)
    answer.raise_for_status()
    key = load_pem_x509_certificate(answer.content[:LARGEST_CERTIFICATE]).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("the certificate has no RSA key")
    return key


class SvixTrackingWebhookView(ResendTrackingWebhookView):
    """Resend's view, verified without the svix package, which brings a whole HTTP client along.

    https://docs.svix.com/receiving/verifying-payloads/how-manual. There is no limit on the time
    stamp: an event counts once, however often it is posted.
    """

    _svix_webhook = None  # so that Anymail's own mixin leaves the verifying to us

    def __init__(self, *, signing_secret: str = "", **kwargs: Any) -> None:
        self.signing_key = _svix_key(signing_secret)
        self.warn_if_no_basic_auth = not signing_secret
        AnymailBaseWebhookView.__init__(self, **kwargs)

    def validate_request(self, request: HttpRequest) -> None:
        """Raises AnymailWebhookValidationFailure unless a signature is made with our key."""
        if self.signing_key is None:
            return
        names = ("svix-id", "svix-timestamp")
        signed = ".".join(request.headers.get(name, "") for name in names).encode()
        digest = hmac.new(self.signing_key, signed + b"." + request.body, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        given = request.headers.get("svix-signature", "").split()
        if not any(constant_time_compare(one, expected) for one in given):
            raise AnymailWebhookValidationFailure("Resend's webhook has no signature of our key")


def _svix_key(secret: str) -> bytes | None:
    if not secret:
        return None
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise AnymailWebhookValidationFailure("WEBHOOK_KEY_RESEND is no whsec_… key") from None
