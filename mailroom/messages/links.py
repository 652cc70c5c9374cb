"""Absolute links for mails."""

import re
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse

from mailroom.signing import TOKEN_IN_ADDRESS

FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}
STAND_IN = "token"
MASK = "…"
# What Django signs ends with a separator and a digest in base64; keys of its password reset, and of
# allauth's, end with 32 hexadecimal digits.
SIGNED_PATH = re.compile(
    r"(/|%2F|=|%3D)[A-Za-z0-9_.:=%-]*?(?:(?:[.:]|%3A)[A-Za-z0-9_-]{43}|-[0-9a-f]{32,64})(?![\w-])",
    re.IGNORECASE,
)


def public_url(view: str, *args: Any, **kwargs: Any) -> str:
    """PUBLIC_URL followed by the path of a named view.

    The Host header is never asked, since who sends the request chooses it. Raises NoReverseMatch.
    """
    return absolute(reverse(view, args=args, kwargs=kwargs))


def absolute(path: str) -> str:
    """PUBLIC_URL followed by a path of this site, with or without the path of PUBLIC_URL itself."""
    return settings.PUBLIC_URL + own_path(path)


def own_path(path: str) -> str:
    """A path of this site without the prefix that `reverse` puts before all of them."""
    prefix = get_script_prefix()
    return f"/{path.removeprefix(prefix)}" if path.startswith(prefix) else path


def public_link(view: str, token: str) -> str:
    """As public_url, for a view whose one argument is a token that needs no quoting.

    Reversing a URL costs as much as filling a whole mail, so it is done once a view. Raises
    NoReverseMatch.
    """
    before, after = _around(view)
    return f"{settings.PUBLIC_URL}{before}{token}{after}"


def mask_tokens(text: str) -> str:
    """The text of an email, an error or a report, with its links' signed tokens left out.

    For people who are none of its recipients: a link speaks for the one it was sent to.
    """
    return SIGNED_PATH.sub(rf"\1{MASK}", TOKEN_IN_ADDRESS.sub(f"+{MASK}@", text))


def is_one_click(request: HttpRequest) -> bool:
    """Whether a mailbox provider posts to a List-Unsubscribe link (RFC 8058 section 3.1).

    So is each post that no browser makes of a form: one in chunks, which Django does not read for
    lack of a length, in another encoding, or of another type.
    """
    if request.method != "POST":
        return False
    is_chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if is_chunked or (request.content_type and request.content_type.lower() not in FORM_TYPES):
        return True
    try:
        posted = request.POST.get("List-Unsubscribe", "")
    except BadRequest:  # not in UTF-8
        return True
    return posted.strip().lower() == "one-click"


@cache
def _around(view: str) -> tuple[str, str]:
    before, _, after = own_path(reverse(view, args=[STAND_IN])).partition(STAND_IN)
    return before, after
