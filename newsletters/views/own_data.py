"""What is kept about an address: to take along, and to have deleted."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from mailroom.forgetting import forget_address
from mailroom.models import Delivery, Suppression
from newsletters.forms import ForgetForm
from newsletters.models import Subscription
from newsletters.views.membership import TokenMixin


class Export(TokenMixin):
    """A POST: a scanner that follows links has no use for anybody's data."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        response = JsonResponse(_all_of(self.subscription.email), json_dumps_params={"indent": 2})
        response["Content-Disposition"] = 'attachment; filename="my-data.json"'
        return response


class Forget(TokenMixin):
    http_method_names = ["post"]

    @transaction.atomic
    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Delete all about the address; that it must get no mail is kept as a keyed hash."""
        if not ForgetForm(request.POST).is_valid():
            messages.error(request, _("Nothing was deleted: please tick the box first."))
            return redirect("newsletters:preferences", token)
        address = self.subscription.email
        Subscription.objects.of(address).delete()
        forget_address(address)
        messages.success(request, _("All about your address is deleted."))
        return redirect("newsletters:list")


def _all_of(address: str) -> dict[str, Any]:
    hidden = {"id", "newsletter_id", "confirmation_wanted", "left_by_id"}
    rows = Subscription.objects.of(address).select_related("newsletter")
    subscriptions = [
        {"newsletter": row.newsletter.name}
        | {name: value for name, value in row.__dict__.items() if name[0] != "_"}
        for row in rows
    ]
    mails = Delivery.objects.of(address).order_by("pk")
    stops = Suppression.objects.of(address)
    return {
        "address": address,
        "subscriptions": [
            {name: value for name, value in row.items() if name not in hidden}
            for row in subscriptions
        ],
        "mails": list(mails.values("channel", "state", "created_at", "finished_at", "feedback")),
        "stopped": list(stops.values("reason", "channel", "created_at", "until")),
    }
