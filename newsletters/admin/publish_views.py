"""Publishing: a page that asks with numbers; POSTs for now, for later, and for not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailroom.status.overview import describe_mailers
from newsletters import emails
from newsletters.admin.issue_steps import IssueStep
from newsletters.admin.issue_views import IssueView
from newsletters.composing import preflight
from newsletters.models import Issue
from newsletters.sending import publish


class TimeForm(forms.Form):
    """When to publish, in the time zone of who fills it in."""

    when = forms.DateTimeField(
        label=gettext_lazy("Date and time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"required": gettext_lazy("Choose a date and a time.")},
    )

    def clean_when(self) -> datetime:
        when: datetime = self.cleaned_data["when"]
        if fault := publish.wrong_time(when):
            raise ValidationError(fault)
        return when


class PublishIssue(IssueView):
    """Asks once more, with numbers; the POST publishes."""

    template_name = "admin/newsletters/issue/publish.html"

    def is_allowed(self, request: HttpRequest) -> bool:
        return super().is_allowed(request) and self.model_admin.has_publish_permission(request)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        channels = {channel["alias"]: channel for channel in describe_mailers()["channels"]}
        issue = self.object
        people = issue.audience().count()
        skipped = preflight.suppressed_among(issue)
        mail = preflight.made_up_email(issue) if issue.is_draft else None
        context = {
            "title": _("Publish"),
            "people": people,
            "skipped": preflight.people_sentence(people, skipped),
            "minutes": preflight.minutes(issue, people),
            "days": preflight.sending_days(issue, people),
            "faults": preflight.errors(issue, mail) if issue.is_draft else [],
            "warnings": preflight.warnings(issue, people, mail) if issue.is_draft else [],
            "sender": emails.sender(issue.newsletter),
            "account": issue.newsletter.account,
            "channel": channels.get(preflight.CHANNEL, {"alias": preflight.CHANNEL}),
            "time_form": TimeForm(),
            "zone": timezone.get_current_timezone_name(),
            "grace": settings.PUBLISH_GRACE_SECONDS,
        }
        return super().get_context_data(**context | kwargs)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        issue = self.object = self.get_object()
        version = _version(request)
        if version is not None and "seen" not in request.POST and _is_warned_of(issue):
            messages.error(
                request, _("Confirm that you have checked the warnings, or fix them first.")
            )
            return self.render_to_response(self.get_context_data(**self.typed()))
        try:
            done = self.publish(issue, version)
        except publish.Changed:
            text = _("It was changed after you opened this page. Please check it again.")
            messages.error(request, text)
            return redirect("admin:newsletters_issue_publish", pk)
        except ValidationError as error:
            for fault in error.messages:
                messages.error(request, fault)
            return redirect("admin:newsletters_issue_change", pk)
        if not done:
            messages.info(request, _("It was already published; nothing is sent twice."))
        return redirect("admin:newsletters_issue_change", pk)

    def typed(self) -> dict[str, Any]:
        """What was filled in, for a page that is shown again."""
        return {}

    def publish(self, issue: Issue, version: int | None) -> bool:
        done = publish.publish_now(issue, self.request.user, version=version)
        if done and (seconds := settings.PUBLISH_GRACE_SECONDS):
            text = ngettext(
                "Published. You have %(n)s second to undo.",
                "Published. You have %(n)s seconds to undo.",
                seconds,
            )
            messages.success(self.request, text % {"n": seconds})
        elif done:
            messages.success(self.request, _("Published. The emails are being sent."))
        return done


class ScheduleIssue(PublishIssue):
    """The same at a time: shown again with what is wrong about it."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect("admin:newsletters_issue_publish", kwargs["pk"])

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.form = TimeForm(request.POST)
        if not self.form.is_valid():
            self.object = self.get_object()
            return self.render_to_response(self.get_context_data(**self.typed()))
        return super().post(request, pk)

    def typed(self) -> dict[str, Any]:
        return {"time_form": self.form}

    def publish(self, issue: Issue, version: int | None) -> bool:
        when = self.form.cleaned_data["when"]
        done = publish.schedule(issue, when, self.request.user, version=version)
        if done:
            messages.success(self.request, _("Scheduled. You can undo this until then."))
        return done


class Undo(IssueStep):
    def take(self, request: HttpRequest, issue: Issue) -> None:
        if publish.undo(issue, request.user):
            messages.success(request, _("It is a draft again. Nothing was sent."))
        else:
            messages.error(
                request, _("Too late: sending has begun. You can still pause or cancel.")
            )


def _is_warned_of(issue: Issue) -> bool:
    return issue.is_draft and bool(preflight.warnings(issue, issue.audience().count()))


def _version(request: HttpRequest) -> int | None:
    """Which version the page showed, where it says so."""
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else None
