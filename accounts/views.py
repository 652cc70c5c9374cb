"""The page about oneself; all other pages of accounts are allauth's."""

from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import ConfirmEmailView as AllauthConfirmEmail
from allauth.core import ratelimit
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView, UpdateView

from accounts import bounced, own_data, pending
from accounts.browsers import describe_browser
from accounts.forms import CorrectAddressForm, DeleteAccountForm, ProfileForm
from accounts.models import User
from mailroom.models import Suppression


class ProfileView(LoginRequiredMixin, SuccessMessageMixin, UpdateView):
    form_class = ProfileForm
    template_name = "account/profile.html"
    success_url = reverse_lazy("account_profile")
    success_message = _("Your profile is saved.")

    def get_object(self, queryset: QuerySet[User] | None = None) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        # What this browser was told before would win over the language just chosen.
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, settings.LANGUAGE_COOKIE_PATH)
        return response


class VerificationSent(FormView):
    """A sign-up waits for its confirmation: send the email again, or correct the address.

    The answers are the same whether or not the address has an account.
    """

    template_name = "account/verification_sent.html"
    form_class = CorrectAddressForm
    success_url = reverse_lazy("account_email_verification_sent")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(waiting=pending.of(self.request), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        waiting = pending.of(request)
        if not waiting:
            return redirect("account_signup")
        if "resend" not in request.POST:
            return super().post(request, *args, **kwargs)
        self._send(waiting)
        return redirect(self.success_url)

    def form_valid(self, form: CorrectAddressForm) -> HttpResponse:
        waiting = pending.of(self.request)
        if waiting and waiting.email != form.cleaned_data["email"]:
            waiting = waiting.corrected(self.request, form.cleaned_data["email"])
            self._send(waiting)
        return super().form_valid(form)

    def _send(self, waiting: pending.Waiting) -> None:
        # Beyond the limit of an address or a visitor the answer stays the same.
        is_visitor_ok = ratelimit.consume(self.request, action="verification_visitor")
        if is_visitor_ok and ratelimit.consume(
            self.request, action="verification_address", key=waiting.email
        ):
            waiting.send(self.request)
        messages.success(
            self.request,
            gettext("We sent an email to %s. Open it and press the button.") % waiting.email,
        )


class ConfirmEmail(AllauthConfirmEmail):
    """allauth's page; for a link that was used already, it says that the address is confirmed."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().post(*args, **kwargs)
        except Http404:
            self.object = None
            response = self.render_to_response(self.get_context_data())
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        is_used = not self.object and pending.is_confirmed(self.kwargs["key"])
        return super().get_context_data(is_used=is_used, **kwargs)


class Sessions(ListUserSessionsView):
    """Where the person is signed in: allauth's page, with each session in words, to end singly."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        for session in context["sessions"]:
            session.browser = describe_browser(session.user_agent)
        return context

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """End one session by its `session` field, or without it all but the current one."""
        if "session" not in request.POST:
            response: HttpResponse = super().post(request, *args, **kwargs)
            return response
        try:
            one = get_object_or_404(UserSession, user=_person(request), pk=request.POST["session"])
        except ValueError:
            raise Http404 from None
        if one.session_key == request.session.session_key:
            get_adapter().logout(request)
            return redirect("home")
        one.end()
        messages.success(request, gettext("Signed out of %s.") % describe_browser(one.user_agent))
        return redirect("usersessions_list")


class YourData(LoginRequiredMixin, TemplateView):
    """Everything stored about the account's owner: a POST downloads it."""

    template_name = "account/data.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        found = own_data.export_account(_person(request))
        response = JsonResponse(found, safe=False, json_dumps_params={"indent": 2})
        response["Content-Disposition"] = 'attachment; filename="my-data.json"'
        return response


class DeleteAccount(LoginRequiredMixin, FormView):
    """Delete the account and everything stored about its addresses."""

    template_name = "account/delete.html"
    form_class = DeleteAccountForm
    success_url = reverse_lazy("home")

    def form_valid(self, form: DeleteAccountForm) -> HttpResponse:
        user = _person(self.request)
        logout(self.request)
        own_data.delete_account(user)
        messages.success(self.request, gettext("Your account and your data have been deleted."))
        return super().form_valid(form)


class SignInAgain(LoginRequiredMixin, TemplateView):
    """Re-authentication for accounts with neither password nor second factor: by a new code."""

    template_name = "account/sign_in_again.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        after = get_next_redirect_url(request) or reverse("account_profile")
        get_adapter().logout(request)
        return redirect(f"{reverse('account_request_login_code')}?{urlencode({'next': after})}")


class BouncedAddress(LoginRequiredMixin, TemplateView):
    """Mail to this person's address came back: try again, or give another address."""

    template_name = "account/bounced_address.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        is_bounced = bounced.is_bounced(_person(self.request).email)
        return super().get_context_data(is_bounced=is_bounced, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        """The outbox lets one such mail a day through, however often it is asked for."""
        user = _person(request)
        with transaction.atomic():
            bounced.trial_email(user).send()
        messages.success(request, gettext("We have sent one more email. Please check your inbox."))
        return redirect("account_mend")


class BouncedAddressWorks(TemplateView):
    """The link of that mail: a page with a button, since scanners follow links."""

    template_name = "account/bounced_address_works.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(address=self._address(), **kwargs)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        Suppression.objects.confirmed(self._address())
        messages.success(request, gettext("Thank you. We send email to your address again."))
        return redirect("home")

    def _address(self) -> str:
        if address := bounced.proven_address(self.kwargs["token"]):
            return address
        raise Http404(gettext("This link is not valid or has expired."))


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
