"""The pages of an issue beside its form: preview and progress."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _

from mailroom.admin.own_views import ObjectPage
from mailroom.messages.preview import as_mail_frame, framed
from newsletters.admin.desk import PREVIEW_LAYOUTS, checks
from newsletters.admin.issue_steps import TestForm
from newsletters.composing.preview import is_tested, preview, reader, tests_of
from newsletters.models import Issue, Subscription
from newsletters.sending.progress import IssueProgress


class IssueView(ObjectPage):
    """A page about one issue."""

    queryset = Issue.objects.select_related("newsletter", "message")


class PreviewIssue(IssueView):
    template_name = "admin/newsletters/issue/preview.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.object = self.get_object()
        try:
            self.mail  # noqa: B018  (rendered here, so that its faults can be shown)
        except ValueError as error:
            messages.error(request, str(error))
            return redirect("admin:newsletters_issue_change", self.object.pk)
        return self.render_to_response(self.get_context_data())

    @cached_property
    def may_see_subscribers(self) -> bool:
        return self.model_admin.may_see_subscribers(self.request)

    @cached_property
    def reader(self) -> Subscription:
        address = self.request.GET.get("reader", "") if self.may_see_subscribers else ""
        return reader(self.object.newsletter, address)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        look = self.request.GET.get("look", "desktop")
        confirmed = self.object.newsletter.subscriptions.confirmed()
        return super().get_context_data(
            title=_("Preview"),
            mail=self.mail,
            headers=self.mail.message().items(),
            look=look if look in PREVIEW_LAYOUTS else "desktop",
            width=375 if look == "mobile" else 640,
            looks=PREVIEW_LAYOUTS,
            reader=self.reader,
            may_see_subscribers=self.may_see_subscribers,
            readers=confirmed.order_by("pk")[:20],
            test_form=TestForm(initial={"addresses": self.request.user.email}),  # type: ignore[union-attr]
            tests=tests_of(self.object),
            is_tested=is_tested(self.object),
            may_publish=self.object.is_draft
            and self.model_admin.has_publish_permission(self.request),
            is_nav_sidebar_enabled=False,
            checks=checks(self.object) if self.object.is_draft else None,
            may_test=self.object.is_draft and self.model_admin.has_change_permission(self.request),
            **kwargs,
        )

    @cached_property
    def mail(self) -> Any:
        return preview(self.object, self.reader.name, self.reader.email)


@method_decorator(as_mail_frame, name="dispatch")
class IssueFrame(PreviewIssue):
    """The mail's HTML alone, in a frame of its own address and policy."""

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        is_dark = self.request.GET.get("look") == "dark"
        return framed(self.mail, scheme="dark" if is_dark else "light")


class IssueProgressPage(IssueView):
    """The part of the page that looks for news by itself."""

    template_name = "admin/newsletters/issue/_progress.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            progress=IssueProgress(self.object),
            **self.model_admin.steps(self.request),
            **kwargs,
        )

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """A draft again: there is nothing to watch, and the page is another."""
        if self.object.is_draft:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return super().render_to_response(context, **kwargs)
