"""The site's addresses, and three of the bench's."""

import os

from django.core.mail import EmailMessage
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from mailroom.outbox import put
from newsletters.models import Newsletter
from site_config.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def process(request: HttpRequest) -> HttpResponse:
    """Which process answers, so that it can be killed."""
    return HttpResponse(str(os.getpid()))


@csrf_exempt
@transaction.atomic
def change(request: HttpRequest, name: str) -> HttpResponse:
    """A business change and its mail; `rolled-back` ones are taken back after both."""
    Newsletter.objects.create(name=name, slug=name)
    mail = EmailMessage("It is done", "We did it.", to=[f"{name}@example.com"])
    mail.type = "bench.transactional"
    put(mail, "password_reset")
    transaction.set_rollback(name.startswith("rolled-back"))
    return HttpResponse("done")


urlpatterns = [
    path("bench/process/", process),
    path("bench/change/<slug:name>/", change),
    path("", include("site_config.urls")),
]
