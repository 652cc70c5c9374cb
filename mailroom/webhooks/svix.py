"""Resend signs through Svix: https://docs.svix.com/receiving/verifying-payloads/how-manual."""

import base64
import binascii
import hashlib
import hmac
from typing import Any

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare


class SvixTrackingWebhookView(ResendTrackingWebhookView):
    """Anymail's view, verified without the svix package, which brings a whole HTTP client along.

    A time limit would add nothing: an event counts once, however often it is posted.
    """

    _svix_webhook = None  # so that Anymail's own mixin leaves the verifying to us

    def __init__(self, *, signing_secret: str = "", **kwargs: Any) -> None:
        self.signing_key = _key(signing_secret)
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


def _key(secret: str) -> bytes | None:
    if not secret:
        return None
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise AnymailWebhookValidationFailure("WEBHOOK_KEY_RESEND is no whsec_… key") from None
