"""SES reports through SNS, which signs what it posts.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. Any account of
Amazon's can make SNS post here, so the secret in the URL is asked for as well.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBasicAuthMixin
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate
from django.http import HttpRequest

AMAZON = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?")
SIGNED = {
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
SIGNED["UnsubscribeConfirmation"] = SIGNED["SubscriptionConfirmation"]
HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303
LARGEST_CERTIFICATE = 20_000  # bytes


class SNSTrackingWebhookView(AmazonSESTrackingWebhookView):
    """Anymail's view, with the signature verified too."""

    def validate_request(self, request: HttpRequest) -> None:
        """Raises AnymailWebhookValidationFailure unless Amazon signed the message."""
        AnymailBasicAuthMixin.validate_request(self, request)  # first: strangers cause no fetching
        try:
            self._verify(self._parse_sns_message(request))
        except (InvalidSignature, KeyError, ValueError, TypeError, AttributeError) as error:
            raise AnymailWebhookValidationFailure("SNS's signature is not good") from error

    @staticmethod
    def _verify(message: dict[str, Any]) -> None:
        try:
            signature = base64.b64decode(message["Signature"], validate=True)
        except binascii.Error:
            raise InvalidSignature from None
        key = certificate_key(message["SigningCertURL"])
        hashing = HASHES[message["SignatureVersion"]]
        key.verify(signature, canonical(message), padding.PKCS1v15(), hashing)


def canonical(message: dict[str, Any]) -> bytes:
    """The text that SNS signs: names and values of some fields, a line each, in this order."""
    names = (name for name in SIGNED[message["Type"]] if message.get(name) is not None)
    return "".join(f"{name}\n{message[name]}\n" for name in names).encode()


@lru_cache(maxsize=8)
def certificate_key(url: str) -> rsa.RSAPublicKey:
    """The public key of Amazon's certificate at `url`.

    Raises ValueError for an address that is not Amazon's: anybody has certificates elsewhere.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not AMAZON.fullmatch(parts.netloc):
        raise ValueError("the certificate is not Amazon's")
    answer = requests.get(url, timeout=10, allow_redirects=False)
    answer.raise_for_status()
    key = load_pem_x509_certificate(answer.content[:LARGEST_CERTIFICATE]).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("the certificate has no RSA key")
    return key
