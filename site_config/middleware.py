"""Health answers before any host check, headers of policy, broken links told by their mailer."""

import re
import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.core.cache import cache
from django.core.exceptions import BadRequest
from django.db import DatabaseError, close_old_connections
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware import common
from django.utils.log import log_response

from mailroom.worker.readiness import readiness

CONTROL = re.compile(r"[\0\r\n]")


class PublicPathMiddleware:
    """Serve below the path of PUBLIC_URL. The proxy passes the path on as it is.

    FORCE_SCRIPT_NAME alone makes links begin with it; Django then expects that the server took it
    off the request's path, which gunicorn does by a header only, and headers are not trusted here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        prefix = settings.FORCE_SCRIPT_NAME
        if prefix and f"{request.path_info}/".startswith(f"{prefix}/"):
            request.path_info = request.path_info.removeprefix(prefix) or "/"
            request.path = prefix + request.path_info
        return self.get_response(request)


class NulMiddleware:
    """Answer 400 to NUL in a path, a query or a header: no page has a use for it.

    PostgreSQL stores no text with NUL in it, and can't be asked for one either. Headers must not
    have it, nor line breaks (RFC 9110 section 5.5): gunicorn refuses them, other servers may not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("NUL in the address")
        if any(CONTROL.search(value) for value in request.headers.values()):
            raise BadRequest("A control character in a header")
        return self.get_response(request)


# Forms that take an address, which may or may not belong to somebody.
ADDRESS_FORMS = {
    "account_signup",
    "account_reset_password",
    "account_request_login_code",
    "account_email_verification_sent",
    "newsletters:newsletter",
}


class EqualTimeMiddleware:
    """Answer forms that take an address only at whole steps of time.

    The views do about the same work for every address; what is left of the difference, such as a
    row more in the database, no longer shows in the time of the answer.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.monotonic()
        response = self.get_response(request)
        step = settings.ANSWER_STEP_SECONDS
        match = request.resolver_match
        if step and request.method == "POST" and match and match.view_name in ADDRESS_FORMS:
            close_old_connections()  # the pool is smaller than the number of threads
            time.sleep(step - (time.monotonic() - started) % step)
        return response


class HealthMiddleware:
    """Answer `/healthz` (this process lives) and `/readyz` (database and worker are there).

    A platform's prober knows no host name, and follows no redirect.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return HttpResponse("ok", content_type="text/plain")
        if request.path_info == "/readyz":
            return _ready(request)
        return self.get_response(request)


NO_ONE = [
    *("camera", "microphone", "geolocation", "payment", "usb", "serial", "midi", "hid"),
    *("accelerometer", "gyroscope", "magnetometer", "display-capture", "browsing-topics"),
]
OURSELVES = ["publickey-credentials-create", "publickey-credentials-get"]
PERMISSIONS = ", ".join([*(f"{one}=()" for one in NO_ONE), *(f"{one}=(self)" for one in OURSELVES)])


class PolicyHeadersMiddleware:
    """What pages may ask of a browser, and that no other site may embed their content.

    Not Cross-Origin-Embedder-Policy: an issue shows pictures of other sites, which don't opt in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if getattr(request, "has_signed_out", False):
            # Texts that an editor's page kept in the browser are nobody else's.
            response.headers["Clear-Site-Data"] = '"storage"'
        return response


@receiver(user_logged_out)
def note_sign_out(request: HttpRequest | None, **kwargs: object) -> None:
    """Remember on the request that its user signed out, for the headers of the answer."""
    if request is not None:
        request.has_signed_out = True  # type: ignore[attr-defined]


class BrokenLinkEmailsMiddleware(common.BrokenLinkEmailsMiddleware):
    """Django's own sends by the default mailer, an outbox; `ops` never fails a page.

    Strangers can make up links, and pages that they claim to stand on: so only some an hour.
    """

    using = "ops"
    most = 20  # mails an hour

    def is_ignorable_request(
        self, request: HttpRequest, uri: str, domain: str, referer: str
    ) -> bool:
        return super().is_ignorable_request(request, uri, domain, referer) or not self._may_mail()

    def _may_mail(self) -> bool:
        """Counted here: allauth's limits, which serve elsewhere, pass over every GET."""
        hour = f"broken-links-{time.time() // 3600:.0f}"
        try:
            cache.add(hour, 0, 3600)
            return cache.incr(hour) <= self.most
        except (DatabaseError, ValueError):
            return False


def _ready(request: HttpRequest) -> HttpResponse:
    report = {**readiness(), "worker_in_web": settings.WORKER_IN_WEB}
    response = JsonResponse(report, status=200 if report["ready"] else 503)
    if not report["ready"]:
        # Said here, or Django says it as an error, and mails ADMINS at every look of a prober.
        log_response("Not ready: %s", report, response=response, request=request, level="info")
    return response
