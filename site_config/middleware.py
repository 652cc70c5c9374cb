"""Health answers, before any host check or redirect; broken links, told by the mailer for it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware import common

from mailroom.readiness import readiness


class HealthMiddleware:
    """Answer `/healthz` (this process lives) and `/readyz` (database and worker are there).

    A platform's prober knows no host name, and follows no redirect.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return HttpResponse("ok", content_type="text/plain")
        if request.path == "/readyz":
            report = readiness()
            return JsonResponse(report, status=200 if report["ready"] else 503)
        return self.get_response(request)


class BrokenLinkEmailsMiddleware(common.BrokenLinkEmailsMiddleware):
    """Django's own sends by the default mailer, an outbox; `ops` never fails a page."""

    using = "ops"
