"""The one address that providers post to: `/mail/webhooks/<provider>/tracking/`."""

import logging

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from mailroom.conf import is_installed
from mailroom.providers import REGISTERED, Provider
from mailroom.webhooks import reports
from mailroom.webhooks.providers import SOURCES, views

REFUSED = "Refused."
logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["POST", "GET", "HEAD"])
def tracking(request: HttpRequest, provider: str) -> HttpResponseBase:
    """Verify a post by each secret that is valid now, and store its events.

    200: stored. Also for a repeated or unknown event, or the provider would send it for days.
    400: no valid signature, or a body that is not what the provider documents.
    503: the database is away; post it again.
    """
    own = REGISTERED.get(provider)
    own = own if own and own.has_webhook() else None
    if not own and (provider not in SOURCES or not is_installed("anymail")):
        raise Http404
    if request.method != "POST":  # some providers look whether the address is there
        return HttpResponse()
    try:
        return _take_own(own, request, provider) if own else _take(request, provider)
    except DatabaseError:
        logger.exception("An event of %s could not be kept; it will be posted again.", provider)
        return HttpResponse("Not now.", status=503, content_type="text/plain")


def _take_own(own: type[Provider], request: HttpRequest, provider: str) -> HttpResponseBase:
    """A post of a provider of MAILROOM_PROVIDERS."""
    if not own.is_genuine(request):
        return _refuse(provider, LookupError("no valid secret"))
    try:
        reports.store(own.reports(request), provider)
    except reports.MALFORMED as error:
        return _refuse(provider, error)
    return HttpResponse()


def _take(request: HttpRequest, provider: str) -> HttpResponseBase:
    """A post of a provider that Anymail knows."""
    from anymail.exceptions import AnymailWebhookValidationFailure  # noqa: PLC0415  (an extra)

    from mailroom.webhooks.ingest import MALFORMED_POST, take  # noqa: PLC0415  (imports Anymail)

    answer: HttpResponseBase | None = None
    try:
        for view in views(provider):
            try:
                return take(view, request)
            except AnymailWebhookValidationFailure as error:
                answer = _refuse(provider, error)
    except MALFORMED_POST as error:
        return _refuse(provider, error)
    return answer or _refuse(provider, LookupError("no secret is configured for it"))


def _refuse(provider: str, error: Exception) -> HttpResponse:
    # A warning: strangers could fill the administrators' mailboxes by errors.
    logger.warning("A post to the webhook of %s is refused: %s", provider, type(error).__name__)
    return HttpResponse(REFUSED, status=400, content_type="text/plain")
