"""Absolute links for mails."""

from functools import cache
from typing import Any

from django.conf import settings
from django.urls import reverse

STAND_IN = "token"


def public_url(view: str, *args: Any, **kwargs: Any) -> str:
    """PUBLIC_URL followed by the path of a named view.

    The Host header is never asked, since who sends the request chooses it. Raises NoReverseMatch.
    """
    return f"{settings.PUBLIC_URL}{reverse(view, args=args, kwargs=kwargs)}"


def public_link(view: str, token: str) -> str:
    """As public_url, for a view whose one argument is a token that needs no quoting.

    Reversing a URL costs as much as filling a whole mail, so it is done once a view. Raises
    NoReverseMatch.
    """
    before, after = _around(view)
    return f"{settings.PUBLIC_URL}{before}{token}{after}"


@cache
def _around(view: str) -> tuple[str, str]:
    before, _, after = reverse(view, args=[STAND_IN]).partition(STAND_IN)
    return before, after
