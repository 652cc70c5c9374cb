"""Django's keyed digests and signatures, with the key's derivation done once and not for each."""

import binascii
import hashlib
import hmac
import re
from base64 import b32decode, b32encode
from email.message import Message
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.core.signing import BadSignature, Signer, b64_encode


def keyed_digest(salt: str, value: str, secret: str | None = None) -> bytes:
    """The same bytes as `salted_hmac(salt, value, secret, algorithm="sha256").digest()`.

    secret: SECRET_KEY without it.
    """
    mac = _keyed(salt, settings.SECRET_KEY if secret is None else secret).copy()
    mac.update(value.encode())
    return mac.digest()


class QuickSigner(Signer):
    """Signs as its parent does, several times as fast: bulk mail needs a signature a mail."""

    def signature(self, value: str | bytes, key: str | bytes | None = None) -> str:
        digest = keyed_digest(f"{_text(self.salt)}signer", _text(value), _text(key or self.key))
        return b64_encode(digest).decode()


_delivery = QuickSigner(salt="mailroom.delivery")


def signature_of(delivery_id: int) -> str:
    """What proves that a delivery's id, named in a provider's report, is one of ours.

    Several sites may share a provider's account, and each counts its deliveries from 1.
    """
    return _delivery.signature(str(delivery_id))


def is_signed(delivery_id: str, signature: str) -> bool:
    """Whether a delivery's id was signed here, with the key of now or one before."""
    try:
        _delivery.unsign(f"{delivery_id}{_delivery.sep}{signature}")
    except BadSignature:
        return False
    return True


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@lru_cache(maxsize=64)
def _keyed(salt: str, secret: str) -> hmac.HMAC:
    """An HMAC that has its key, to be copied for each value."""
    return hmac.new(hashlib.sha256(salt.encode() + secret.encode()).digest(), digestmod="sha256")


NUMBER_BYTES, SEAL_BYTES = 6, 10


def seal(salt: str, number: int) -> str:
    """A number below 2^48 as 26 letters and digits that only our key makes or reads.

    The seal is a keyed digest of the number (80 bits) and hides the number under a key stream made
    from the digest, as in SIV mode (RFC 5297). It survives software that changes upper and lower
    case.
    """
    data = number.to_bytes(NUMBER_BYTES)
    digest = keyed_digest(salt, data.hex())[:SEAL_BYTES]
    return b32encode(digest + _hide(salt, digest, data)).decode().lower().rstrip("=")


def unseal(salt: str, text: str) -> int | None:
    """The number in a text that `seal` made, None for any other text. Retired keys are valid."""
    try:
        raw = b32decode(text.upper() + "=" * (-len(text) % 8))
    except (ValueError, binascii.Error):
        return None
    if len(raw) != SEAL_BYTES + NUMBER_BYTES:
        return None
    digest, hidden = raw[:SEAL_BYTES], raw[SEAL_BYTES:]
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        data = _hide(salt, digest, hidden, secret)
        if hmac.compare_digest(keyed_digest(salt, data.hex(), secret)[:SEAL_BYTES], digest):
            return int.from_bytes(data)
    return None


def _hide(salt: str, digest: bytes, data: bytes, secret: str | None = None) -> bytes:
    stream = keyed_digest(f"{salt}.stream", digest.hex(), secret)
    return bytes(one ^ other for one, other in zip(data, stream, strict=False))


# -- Addresses for bounces ---------------------------------------------------------------------


BOUNCE: Final = "mailroom.bounce"
UNSUBSCRIBE: Final = "mailroom.unsubscribe"
TOKEN_IN_ADDRESS = re.compile(r"\+([a-z2-7]{26})@", re.IGNORECASE)

# Where mail servers write the address that an email was delivered to.
DELIVERED = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-RCPT-To", "To")
MOST_ADDRESSES = 50  # in one email: each costs a signature


def return_path(delivery_id: int | None) -> str:
    """The envelope sender (RFC 5321 section 3.6.3) of a delivery, "" for that of the message."""
    return _signed(settings.MAIL_BOUNCE_ADDRESS, BOUNCE, delivery_id)


def unsubscribe_address(delivery_id: int | None) -> str:
    """The address that ends a subscription by an email to it, "" where there is no mailbox."""
    return _signed(settings.UNSUBSCRIBE_MAILBOX, UNSUBSCRIBE, delivery_id)


def _signed(address: str, purpose: str, delivery_id: int | None) -> str:
    if not address or delivery_id is None:  # a preview has no delivery
        return address
    local, _at, domain = address.rpartition("@")
    return f"{local}+{seal(purpose, delivery_id)}@{domain}"


def delivery_named(purpose: str, *texts: str) -> int | None:
    """The delivery that the first signed address in the texts names."""
    tokens = [token for text in texts for token in TOKEN_IN_ADDRESS.findall(text)][:MOST_ADDRESSES]
    return next((pk for token in tokens if (pk := unseal(purpose, token)) is not None), None)


def delivered_to(email: Message) -> list[str]:
    """The headers of an incoming email that may hold the address it was delivered to."""
    return [str(value) for name in DELIVERED for value in email.get_all(name, [])]
