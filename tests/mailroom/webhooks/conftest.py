import pytest

from mailroom.delivery.feedback import handle_waiting
from mailroom.models import Delivery, Suppression
from mailroom.webhooks import signatures
from tests.mailroom.conftest import queue
from tests.mailroom.fakes import webhooks
from tests.mailroom.fakes.webhooks import SIGNED, Told

State, Reason = Delivery.State, Suppression.Reason


@pytest.fixture(autouse=True)
def _secrets(settings, in_memory, monkeypatch):
    settings.WEBHOOK_SECRETS = [webhooks.BASIC]
    settings.WEBHOOK_KEYS = {name: [key] for name, key in SIGNED.items()}
    certificate = webhooks.amazon()[1]
    monkeypatch.setattr(signatures.requests, "get", lambda url, **_: _Answer(certificate))
    signatures.certificate_key.cache_clear()


class _Answer:
    """Amazon's, to the question for its certificate."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def raise_for_status(self) -> None:
        pass


@pytest.fixture
def delivery() -> Delivery:
    """Sent in bulk, accepted by a provider."""
    row = queue("bulletin", to=["Ann@example.com"])[0]
    Delivery.objects.filter(pk=row.pk).update(state=State.SENT, provider_id="p-1", attempts=1)
    return row


@pytest.fixture
def tell(client, delivery):
    """Have a provider post what happened; the status of the answer."""

    def post(provider: str, kind: str, *, key: str = "", **told) -> int:
        about = Told(kind, told.pop("delivery", delivery.pk), **told)
        return send(client, provider, webhooks.post(provider, about, key)).status_code

    return post


def send(client, provider: str, made: webhooks.WebhookPost):
    return client.post(
        f"/mail/webhooks/{provider}/tracking/",
        made.body,
        content_type=made.content_type,
        headers=made.headers,
    )


def feedback(delivery: Delivery) -> str:
    handle_waiting()
    delivery.refresh_from_db()
    return delivery.feedback


def stopped(address: str = "ann@example.com") -> list[tuple[str, str]]:
    return list(Suppression.objects.active().of(address).values_list("reason", "channel"))
