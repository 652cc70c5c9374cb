"""Pages behind the links in our mails: confirm, leave, choose. The token stands for the log-in.

A GET changes nothing, whoever follows the link: scanners of mailbox providers follow all of them.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import FormView, TemplateView
from django.views.generic.base import ContextMixin

from newsletters import tokens
from newsletters.consent import Consent
from newsletters.forms import ConfirmForm, ForgetForm, LeavingForm, PreferencesForm
from newsletters.models import Newsletter, Subscription
from newsletters.views.subscribing import wording


@method_decorator(never_cache, name="dispatch")
class TokenMixin(ContextMixin, View):
    """A page whose address is a secret: not cached, and not told to the pages it links to."""

    read_token = staticmethod(tokens.member)

    @cached_property
    def subscription(self) -> Subscription:
        if found := self.read_token(self.kwargs["token"]):
            return found
        raise Http404(_("This link is not one of ours, or has run out."))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.subscription  # noqa: B018  (no method of a page with a bad token may run)
        response = super().dispatch(request, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("subscription", self.subscription)
        kwargs.setdefault("newsletter", self.subscription.newsletter)
        return super().get_context_data(**kwargs)


class Confirm(TokenMixin, FormView):
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
class Unsubscribe(TokenMixin, TemplateView):
    """The page, and the one-click POST of mailbox providers (RFC 8058): no cookie, no token."""

    template_name = "newsletters/unsubscribe.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Who had everything deleted gets no more mail: a provider's POST has nothing to mend."""
        token = kwargs["token"]
        if _is_one_click(request) and tokens.is_ours(token) and not tokens.member(token):
            return _left()
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(why=LeavingForm(instance=self.subscription), **kwargs)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        self.subscription.unsubscribe(delivery=tokens.delivery_of(token))
        return _left() if _is_one_click(request) else redirect(request.path)


def _is_one_click(request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click"


def _left() -> HttpResponse:
    return HttpResponse(_("You are unsubscribed."), content_type="text/plain; charset=utf-8")


class SayWhy(TokenMixin):
    """Why somebody left, if they care to say; one answer, which they may change."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        form = LeavingForm(request.POST, instance=self.subscription)
        if self.subscription.is_unsubscribed and form.is_valid():
            form.save()
            messages.success(request, _("Thank you, that helps us."))
        return redirect("newsletters:unsubscribe", token)


class UndoUnsubscribe(TokenMixin):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if self.subscription.undo_unsubscribe():
            messages.success(request, _("You are subscribed again, as before."))
        return redirect("newsletters:unsubscribe", token)


class Preferences(TokenMixin, FormView):
    """All newsletters of the site, on or off for one address."""

    template_name = "newsletters/preferences.html"
    form_class = PreferencesForm

    def get_initial(self) -> dict[str, Any]:
        return {
            "newsletters": Newsletter.objects.filter(subscriptions__in=self._current()),
            "language": self.subscription.language,
        }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        pending = self._current().pending().select_related("newsletter")
        return super().get_context_data(pending=pending, forget=ForgetForm(), **kwargs)

    def form_valid(self, form: PreferencesForm) -> HttpResponse:
        if language := form.cleaned_data["language"]:
            Subscription.objects.of(self.subscription.email).update(language=language)
            self.subscription.language = language
        chosen = set(form.cleaned_data["newsletters"])
        current = {row.newsletter: row for row in self._current().select_related("newsletter")}
        for newsletter in current.keys() - chosen:
            current[newsletter].unsubscribe()
        for newsletter in chosen - current.keys():
            self._ask(newsletter)
        messages.success(self.request, self._answer(is_asked=bool(chosen - current.keys())))
        return redirect(self.request.path)

    def _current(self) -> Any:
        """What this address gets, or will when it confirms."""
        rows = Subscription.objects.of(self.subscription.email)
        return rows.exclude(state=Subscription.State.UNSUBSCRIBED)

    def _ask(self, newsletter: Newsletter) -> None:
        # A mail gets forwarded with its links: coming back is confirmed by a mail of its own.
        Subscription.objects.subscribe(
            newsletter,
            self.subscription.email,
            consent=Consent.on_page(self.request, wording(newsletter)),
            name=self.subscription.name,
            language=self.subscription.language,
        )

    def _answer(self, *, is_asked: bool) -> str:
        if is_asked:
            return _("Saved. We send you a mail to confirm what is new.")
        return _("Saved.")
