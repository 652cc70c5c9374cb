"""What an editor does to an issue with one press. Each is a POST to its own address."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailroom.addresses import clean_address
from mailroom.admin.own_views import ObjectStep
from mailroom.models.queries import row_id
from newsletters.composing.preview import TEST_ADDRESSES, send_test
from newsletters.models import Issue
from newsletters.models.issue import Step, record
from newsletters.sending import controls


class IssueStep(ObjectStep):
    """A button of an issue, for users who may publish."""

    queryset = Issue.objects.select_related("newsletter", "message")

    def is_allowed(self, request: HttpRequest) -> bool:
        return bool(self.model_admin.has_publish_permission(request))


class Pause(IssueStep):
    def take(self, request: HttpRequest, issue: Issue) -> None:
        if controls.pause(issue, request.user):
            messages.success(request, _("Paused. Nothing is sent until you resume."))
        else:
            messages.info(request, _("It is not being sent."))


class Resume(IssueStep):
    def take(self, request: HttpRequest, issue: Issue) -> None:
        if controls.resume(issue, request.user):
            messages.success(request, _("Resumed. The remaining emails are being sent."))
        else:
            messages.info(request, _("It was not paused."))


class CancelIssue(IssueStep):
    def take(self, request: HttpRequest, issue: Issue) -> None:
        if controls.cancel_issue(issue, request.user):
            messages.success(request, _("Cancelled. The remaining recipients won’t receive it."))
        else:
            messages.info(request, _("There was nothing left to cancel."))


class RetryFailed(IssueStep):
    def take(self, request: HttpRequest, issue: Issue) -> None:
        number = controls.retry_issue(issue, request.user)
        text = ngettext("%(n)s email will be retried.", "%(n)s emails will be retried.", number)
        messages.info(request, text % {"n": number})


class Uncertain(IssueStep):
    """A person decides about mails that may have arrived: all, or those that were ticked."""

    def only(self, request: HttpRequest) -> list[int] | None:
        ticked = map(row_id, request.POST.getlist("delivery"))
        return None if "all" in request.POST else [pk for pk in ticked if pk]

    def back(self, pk: int) -> HttpResponse:
        return redirect(reverse("admin:newsletters_issue_report", args=[pk]) + "?show=uncertain")


class CountAsSent(Uncertain):
    def take(self, request: HttpRequest, issue: Issue) -> HttpResponse:
        only = self.only(request)
        number = controls.count_uncertain_as_sent(issue, request.user, only=only)
        text = ngettext(
            "%(n)s email was marked as sent.", "%(n)s emails were marked as sent.", number
        )
        messages.info(request, text % {"n": number})
        return self.back(issue.pk)


class SendAgain(Uncertain):
    def take(self, request: HttpRequest, issue: Issue) -> HttpResponse:
        only = self.only(request)
        number = controls.send_uncertain_again(issue, request.user, only=only)
        text = ngettext(
            "%(n)s email will be sent again.", "%(n)s emails will be sent again.", number
        )
        messages.info(request, text % {"n": number})
        return self.back(issue.pk)


class Duplicate(IssueStep):
    def is_allowed(self, request: HttpRequest) -> bool:
        allowed: bool = self.model_admin.has_add_permission(request)
        return allowed

    def take(self, request: HttpRequest, issue: Issue) -> HttpResponse:
        copy = controls.duplicate(issue, request.user)
        messages.success(request, _("This is a new draft with the same content."))
        return redirect("admin:newsletters_issue_change", copy.pk)


class TestForm(forms.Form):
    """Where a test goes."""

    __test__ = False  # not a test of pytest's

    addresses = forms.CharField(
        label=gettext_lazy("Send a test to"),
        help_text=gettext_lazy("Addresses, separated by commas."),
    )

    def clean_addresses(self) -> list[str]:
        found = [one.strip() for one in self.cleaned_data["addresses"].split(",") if one.strip()]
        if len(found) > TEST_ADDRESSES:
            raise ValidationError(_("Enter at most %(most)s addresses.") % {"most": TEST_ADDRESSES})
        return list(dict.fromkeys(map(_cleaned, found)))


def _cleaned(address: str) -> str:
    try:
        return clean_address(address)
    except ValidationError as error:
        text = _("%(address)s is not an address.") % {"address": address}
        raise ValidationError(f"{text} {error.messages[0]}") from None


class SendTest(IssueStep):
    def is_allowed(self, request: HttpRequest) -> bool:
        allowed: bool = self.model_admin.has_change_permission(request)
        return allowed

    def take(self, request: HttpRequest, issue: Issue) -> HttpResponse:
        form = TestForm(request.POST)
        try:
            if not form.is_valid():
                raise ValidationError([e for errors in form.errors.values() for e in errors])
            addresses = form.cleaned_data["addresses"]
            name = request.user.get_full_name()  # type: ignore[union-attr]
            send_test(issue, addresses, name, by=request.user)
            record(issue, Step.TESTED, request.user, ", ".join(addresses))
            text = _("A test is on its way to %(addresses)s.")
            messages.success(request, text % {"addresses": ", ".join(addresses)})
        except ValidationError as error:
            for fault in error.messages:
                messages.error(request, fault)
        return redirect("admin:newsletters_issue_preview", issue.pk)
