"""The one address that providers post to: `/mail/webhooks/<provider>/tracking/`."""

import logging

from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from mailroom.webhooks.sources import SOURCES, views

REFUSED = "Refused."
logger = logging.getLogger(__name__)

# What a body of the wrong shape makes Anymail's parsers raise.
MALFORMED = (AnymailError, ValueError, KeyError, TypeError, AttributeError, IndexError)


@csrf_exempt
@require_http_methods(["POST", "GET", "HEAD"])
def tracking(request: HttpRequest, provider: str) -> HttpResponseBase:
    """Verify a post by each secret that is good now, and keep its events.

    200: kept, also what is not ours or was kept before, or the provider would repeat it for days.
    400: no good signature, or a body nobody can read. 503: the database is away; post it again.
    """
    if provider not in SOURCES:
        raise Http404
    if request.method != "POST":  # some providers look whether the address is there
        return HttpResponse()
    answer: HttpResponseBase | None = None
    try:
        for view in views(provider):
            view.setup(request)
            try:
                return view.dispatch(request)
            except AnymailWebhookValidationFailure as error:
                answer = _refuse(provider, error)
    except DatabaseError:
        logger.exception("An event of %s could not be kept; it will be posted again.", provider)
        return HttpResponse("Not now.", status=503, content_type="text/plain")
    except MALFORMED as error:
        return _refuse(provider, error)
    return answer or _refuse(provider, LookupError("no secret is configured for it"))


def _refuse(provider: str, error: Exception) -> HttpResponse:
    # A warning: strangers could fill the administrators' mailboxes by errors.
    logger.warning("A post to the webhook of %s is refused: %s", provider, type(error).__name__)
    return HttpResponse(REFUSED, status=400, content_type="text/plain")
