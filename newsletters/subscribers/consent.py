"""What a person agreed to, kept with the subscription."""

from dataclasses import dataclass
from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest
from django.utils import timezone


@dataclass(frozen=True)
class Consent:
    """Consent given now: where (a page or an import), in which words, from which IP."""

    source: str
    wording: str = ""
    ip: str | None = None

    @classmethod
    def on_page(cls, request: HttpRequest, wording: str) -> "Consent":
        # allauth knows which proxies are trusted.
        return cls(request.path, wording, get_adapter(request).get_client_ip(request))

    def fields(self) -> dict[str, Any]:
        """The columns of a Subscription that keep it."""
        return {
            "consent_at": timezone.now(),
            "consent_source": self.source[:200],
            "consent_ip": self.ip,
            "consent_wording": self.wording,
        }
