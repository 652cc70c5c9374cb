"""Pages behind the links in our mails: confirm, leave, choose. The token stands for the log-in.

A GET changes nothing: scanners of mailbox providers follow every link.
"""

from typing import Any

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import FormView, TemplateView
from django.views.generic.base import ContextMixin

from mailroom.addresses import in_unicode
from mailroom.messages.links import is_one_click
from newsletters import emails
from newsletters.forms import ConfirmForm, ForgetForm, LeavingForm, PreferencesForm
from newsletters.models import Newsletter, Subscription
from newsletters.subscribers import tokens
from newsletters.subscribers.subscribing import Consent, subscribe
from newsletters.views.subscribing import own_address, wording


@method_decorator(never_cache, name="dispatch")
class MemberTokenMixin(ContextMixin, View):
    """A page whose address is a secret: not cached, and not told to the pages it links to."""

    read_token = staticmethod(tokens.member)

    @cached_property
    def subscription(self) -> Subscription:
        if found := self.read_token(self.kwargs["token"]):
            return found
        raise Http404(_("This link is not valid or has expired."))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.subscription  # noqa: B018  (no method of a page with a bad token may run)
        response = super().dispatch(request, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("subscription", self.subscription)
        kwargs.setdefault("newsletter", self.subscription.newsletter)
        kwargs.setdefault("address", in_unicode(self.subscription.email))
        return super().get_context_data(**kwargs)


class Confirm(MemberTokenMixin, FormView):
    template_name = "newsletters/confirm.html"
    form_class = ConfirmForm
    read_token = staticmethod(tokens.to_confirm)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"subscription": self.subscription}

    def form_valid(self, form: ConfirmForm) -> HttpResponse:
        for subscription in [self.subscription, *form.cleaned_data["also"]]:
            subscription.confirm()
        return redirect(self.request.path)


@method_decorator(csrf_exempt, name="dispatch")
class Unsubscribe(MemberTokenMixin, TemplateView):
    """The page, and the one-click POST of mailbox providers (RFC 8058): no cookie, no token."""

    template_name = "newsletters/unsubscribe.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """An erased reader gets no more email: a provider's POST has nothing left to change."""
        token = kwargs["token"]
        if is_one_click(request) and tokens.is_ours(token) and not tokens.member(token):
            return _left()
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        # In the mailbox of an address that was left, the link shows nothing of the new one.
        is_current = bool(tokens.current_member(self.kwargs["token"]))
        why = LeavingForm(instance=self.subscription)
        return super().get_context_data(why=why, is_current=is_current, **kwargs)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        self.subscription.unsubscribe(delivery=tokens.delivery_id_of(token))
        return _left() if is_one_click(request) else redirect(request.path)


def _left() -> HttpResponse:
    return HttpResponse(_("You are unsubscribed."), content_type="text/plain; charset=utf-8")


class SayWhy(MemberTokenMixin):
    """Why somebody left, if they care to say; one answer, which they may change."""

    read_token = staticmethod(tokens.current_member)
    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        form = LeavingForm(request.POST, instance=self.subscription)
        if self.subscription.is_unsubscribed and form.is_valid():
            form.save()
            messages.success(request, _("Thank you, that helps us."))
        return redirect("newsletters:unsubscribe", token)


class UndoUnsubscribe(MemberTokenMixin):
    read_token = staticmethod(tokens.current_member)
    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if self.subscription.undo_unsubscribe():
            messages.success(request, _("You are subscribed again."))
        return redirect("newsletters:unsubscribe", token)


class SubscriptionPreferencesPage(FormView):
    """Newsletters on or off for one address, and the language of its emails.

    address: whose they are; newsletters: those that can be changed here.
    """

    template_name = "newsletters/preferences.html"
    form_class = PreferencesForm

    @property
    def address(self) -> str:
        raise NotImplementedError

    @property
    def newsletters(self) -> QuerySet[Newsletter]:
        return Newsletter.objects.all()

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"newsletters": self.newsletters}

    def get_initial(self) -> dict[str, Any]:
        first = self._rows().first()
        return {
            "newsletters": self.newsletters.filter(subscriptions__in=self._current()),
            "language": first.language if first else translation.get_language(),
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        pending = self._current().pending().select_related("newsletter")
        kwargs.setdefault("address", in_unicode(self.address))
        return super().get_context_data(pending=pending, **kwargs)

    def form_valid(self, form: PreferencesForm) -> HttpResponse:
        current = {row.newsletter: row for row in self._current().select_related("newsletter")}
        if language := form.cleaned_data["language"]:
            self._rows().update(language=language)
        chosen = set(form.cleaned_data["newsletters"])
        for newsletter in current.keys() - chosen:
            current[newsletter].unsubscribe()
        for newsletter in chosen - current.keys():
            self._ask(newsletter, language)
        messages.success(self.request, self._answer(is_asked=bool(chosen - current.keys())))
        return redirect(self.request.path)

    def _rows(self) -> Any:
        return Subscription.objects.of(self.address).filter(newsletter__in=self.newsletters)

    def _current(self) -> Any:
        """What this address gets, or will when it confirms."""
        return self._rows().exclude(state=Subscription.State.UNSUBSCRIBED)

    def _ask(self, newsletter: Newsletter, language: str) -> None:
        # An email is forwarded with its links: coming back is confirmed by an email of its own.
        known = Subscription.objects.of(self.address).exclude(name="").first()
        subscribe(
            newsletter,
            self.address,
            consent=Consent.on_page(self.request, wording(newsletter)),
            name=known.name if known else "",
            language=language or translation.get_language(),
        )

    def _answer(self, *, is_asked: bool) -> str:
        if is_asked:
            return _("Saved. We’ve sent you an email to confirm the new subscriptions.")
        return _("Saved.")


class SubscriptionPreferences(MemberTokenMixin, SubscriptionPreferencesPage):
    """By the link in an issue: this one subscription, since issues are forwarded."""

    read_token = staticmethod(tokens.current_member)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        token = kwargs["token"]
        if tokens.member(token) and not tokens.current_member(token):
            return redirect("newsletters:unsubscribe", token)
        return super().dispatch(request, *args, **kwargs)

    @property
    def address(self) -> str:
        return self.subscription.email

    @property
    def newsletters(self) -> QuerySet[Newsletter]:
        return Newsletter.objects.filter(pk=self.subscription.newsletter_id)


class SendLink(MemberTokenMixin):
    """Send the owner of the address a link to everything else, good for an hour."""

    http_method_names = ["post"]
    read_token = staticmethod(tokens.current_member)

    @transaction.atomic
    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        address = self.subscription.email
        if ratelimit.consume(request, action="newsletter_address", key=address):
            emails.data_link(address, self.subscription.language).send()
        text = _("We have sent a link to %(address)s. It works for one hour.")
        messages.success(request, text % {"address": in_unicode(address)})
        return redirect("newsletters:preferences", token)


@method_decorator(never_cache, name="dispatch")
class AddressMixin(View):
    """A page about all data of an address: by a fresh link to it, or for who is signed in."""

    @property
    def address(self) -> str:
        token = self.kwargs.get("token")
        return own_address(self.request) if token is None else tokens.address_of(token)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.address:
            if "token" not in kwargs and not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            raise Http404(_("This link is not valid or has expired."))
        response = super().dispatch(request, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response


class AllPreferences(AddressMixin, SubscriptionPreferencesPage):
    """All newsletters of the site, on or off for one address."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        token = self.kwargs.get("token", "")
        return super().get_context_data(access=token, forget=ForgetForm(), is_all=True, **kwargs)
