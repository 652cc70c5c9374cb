"""Absolute links for mails."""

from typing import Any

from django.conf import settings
from django.urls import reverse


def public_url(view: str, *args: Any, **kwargs: Any) -> str:
    """PUBLIC_URL followed by the path of a named view.

    The Host header is never asked, since who sends the request chooses it. Raises NoReverseMatch.
    """
    return f"{settings.PUBLIC_URL}{reverse(view, args=args, kwargs=kwargs)}"
