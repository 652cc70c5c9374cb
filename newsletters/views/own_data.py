"""Everything stored about an address: download it, or have it deleted."""

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from mailroom.outbox.personal_data import erase_address, export_address
from newsletters.forms import ForgetForm
from newsletters.views.membership import AddressMixin


class DownloadOwnData(AddressMixin):
    """A POST: a scanner that follows links has no use for anybody's data."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        response = JsonResponse(export_address(self.address), json_dumps_params={"indent": 2})
        response["Content-Disposition"] = 'attachment; filename="my-data.json"'
        return response


class Forget(AddressMixin):
    """Erase subscriptions and deliveries. An account stays: deleting it needs its password."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if not ForgetForm(request.POST).is_valid():
            messages.error(request, _("Nothing was deleted. Please tick the box first."))
            return redirect("newsletters:all_preferences", token)
        erase_address(self.address)
        messages.success(request, _("All data about your address has been deleted."))
        if get_user_model().objects.filter(email=self.address).exists():
            text = _(
                "Your account was not deleted. To delete it as well, sign in and open “Your data”."
            )
            messages.info(request, text)
        return redirect("newsletters:list")
