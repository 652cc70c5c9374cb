"""A newsletter's page, and the two ways to subscribe on it."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import translation
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views import View
from django.views.generic import FormView

from mailroom.messages.links import public_url
from newsletters import tracking
from newsletters.forms import SubscribeForm
from newsletters.models import Newsletter
from newsletters.subscribers.subscribing import Consent, join, subscribe


def wording(newsletter: Newsletter) -> str:
    """What a person agrees to, as the page shows it and the consent keeps it."""
    agreed = _(
        "Send me %(newsletter)s by email. "
        "I can unsubscribe at any time with the link in every issue."
    ) % {"newsletter": newsletter.name}
    return f"{agreed} {tracking.tracking_notice()}".strip()


def own_address(request: HttpRequest) -> str:
    """The address of the signed-in person if they have proven it is theirs, else ""."""
    if not request.user.is_authenticated:
        return ""
    own = EmailAddress.objects.filter(user=request.user, email=request.user.email)
    return request.user.email if own.filter(verified=True).exists() else ""


class NewsletterPage(FormView):
    template_name = "newsletters/newsletter.html"
    form_class = SubscribeForm

    @cached_property
    def newsletter(self) -> Newsletter:
        return get_object_or_404(Newsletter, slug=self.kwargs["slug"])

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not ratelimit.consume(request, action="newsletter_visitor"):
            return ratelimit.respond_429(request)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: SubscribeForm) -> HttpResponse:
        address = form.cleaned_data["email"]
        # Beyond the limit of an address the answer stays the same: it must not tell anything.
        may_ask = ratelimit.consume(self.request, action="newsletter_address", key=address)
        if may_ask and not form.is_by_a_program:
            subscribe(
                self.newsletter,
                address,
                consent=Consent.on_page(self.request, wording(self.newsletter)),
                name=form.cleaned_data["name"],
                language=translation.get_language(),
            )
        # One answer for everybody: it must not tell who is subscribed.
        messages.success(
            self.request,
            _(
                "Please check your email: we’ve sent a button to confirm with, "
                "or a link to your settings if you’re already subscribed."
            ),
        )
        return redirect(self.newsletter)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        address = own_address(self.request)
        mine = self.newsletter.subscriptions.of(address).confirmed().first() if address else None
        return super().get_context_data(
            newsletter=self.newsletter,
            canonical=public_url("newsletters:newsletter", self.newsletter.slug),
            issues=self.newsletter.issues.published().select_related("newsletter"),
            wording=wording(self.newsletter),
            own_address=address,
            is_subscribed=bool(mine),
            **kwargs,
        )


class Join(LoginRequiredMixin, View):
    """One click for who is signed in: their address is confirmed already."""

    http_method_names = ["post"]

    def post(self, request: Any, slug: str) -> HttpResponse:
        newsletter = get_object_or_404(Newsletter, slug=slug)
        address = own_address(request)
        if not address:
            raise PermissionDenied
        consent = Consent.on_page(request, wording(newsletter))
        language, name = translation.get_language(), request.user.name
        join(newsletter, address, consent=consent, name=name, language=language)
        messages.success(request, _("You are subscribed to %s.") % newsletter.name)
        return redirect(newsletter)
