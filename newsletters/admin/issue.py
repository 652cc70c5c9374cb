from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, TextField
from django.forms import Textarea
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletters.admin import (
    issue_history,
    issue_report,
    issue_steps,
    issue_views,
    publish_views,
)
from newsletters.admin.draft_form import DraftForm
from newsletters.models import Issue
from newsletters.progress import Progress

CONTENT = ["newsletter", "subject", "slug", "preheader", "body"]


@admin.register(Issue)
class IssueAdmin(admin.ModelAdmin):
    """Write, preview, publish. What is published can be looked at, and no longer changed."""

    list_display = ["subject", "newsletter", "state", "published_at", "author"]
    list_filter = ["newsletter", "state"]
    list_select_related = ["newsletter", "author"]
    search_fields = ["subject"]
    prepopulated_fields = {"slug": ["subject"]}
    form = DraftForm
    actions = None  # deleting many at once would not ask whether each of them is a draft
    formfield_overrides = {
        TextField: {"widget": Textarea(attrs={"rows": 24, "cols": 90}), "strip": False}
    }
    change_form_template = "admin/newsletters/issue/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        views = {
            "publish": publish_views.PublishIssue,
            "schedule": publish_views.ScheduleIssue,
            "undo": publish_views.Undo,
            "preview": issue_views.PreviewIssue,
            "frame": issue_views.PreviewFrame,
            "progress": issue_views.IssueProgress,
            "pause": issue_steps.Pause,
            "resume": issue_steps.Resume,
            "cancel": issue_steps.Cancel,
            "retry": issue_steps.RetryFailed,
            "duplicate": issue_steps.Duplicate,
            "test": issue_steps.SendTest,
            "report": issue_report.Report,
            "recipients": issue_report.RecipientsCSV,
            "count-as-sent": issue_steps.CountAsSent,
            "send-again": issue_steps.SendAgain,
        }
        own = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(view.as_view(model_admin=self)),
                name=f"newsletters_issue_{name}",
            )
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def view_on_site(self, obj: Issue) -> str | None:
        return obj.get_absolute_url() if obj.published_at else None

    def get_fields(self, request: HttpRequest, obj: Issue | None = None) -> Any:
        may_edit = obj is not None and self.has_change_permission(request, obj)
        return [*CONTENT, "seen_version"] if may_edit else CONTENT

    def has_change_permission(self, request: HttpRequest, obj: Issue | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def has_delete_permission(self, request: HttpRequest, obj: Issue | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_draft)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("newsletters.publish_issue")

    def steps(self, request: HttpRequest) -> dict[str, bool]:
        """Which steps this user may take with a published issue."""
        return {
            "may_steer": self.has_publish_permission(request),
            "may_duplicate": self.has_add_permission(request),
        }

    def get_prepopulated_fields(self, request: HttpRequest, obj: Issue | None = None) -> Any:
        may_edit = self.has_change_permission(request, obj) if obj else True
        return super().get_prepopulated_fields(request, obj) if may_edit else {}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Change a draft only as long as it is one: a colleague may publish it meanwhile."""
        if not change:
            obj.author = request.user
            super().save_model(request, obj, form, change)
            issue_history.record_saved(obj, request.user)
            return
        content = {name: form.cleaned_data[name] for name in CONTENT}
        drafts = Issue.objects.drafts().filter(pk=obj.pk)
        saved = drafts.update(**content, version=F("version") + 1, updated_at=timezone.now())
        obj.came_too_late = not saved
        if saved:
            issue_history.record_saved(obj, request.user)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A save that comes too late shows the text again: it stands nowhere else."""
        if request.method == "POST" and object_id and super().has_change_permission(request):
            issue = self.get_object(request, object_id)
            if issue and not issue.is_draft:
                return self._too_late(request, issue)
        return super().changeform_view(request, object_id, *args, **kwargs)

    def _too_late(self, request: HttpRequest, issue: Issue) -> HttpResponse:
        typed = {name: request.POST[name] for name in CONTENT if name in request.POST}
        typed["slug"] = f"{issue.slug[:40]}-{int(timezone.now().timestamp())}"
        context = {
            **self.admin_site.each_context(request),
            "title": _("Your text was not saved"),
            "opts": self.opts,
            "issue": issue,
            "typed": typed,
            "may_add": self.has_add_permission(request),
        }
        template = "admin/newsletters/issue/too_late.html"
        return render(request, template, context, status=HTTPStatus.CONFLICT)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Ours stands on the page of the issue, and knows what happened by itself too."""
        return redirect(reverse("admin:newsletters_issue_change", args=[object_id]) + "#history")

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not obj.came_too_late:
            return super().response_change(request, obj)
        messages.error(request, _("It was published meanwhile: your changes are not saved."))
        return redirect("admin:newsletters_issue_change", obj.pk)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        issue = kwargs.get("obj")
        if issue:
            context |= {
                "progress": None if issue.is_draft else Progress(issue),
                "history": issue_history.latest(issue),
                "may_publish": issue.is_draft and self.has_publish_permission(request),
                **self.steps(request),
            }
        return super().render_change_form(request, context, *args, **kwargs)
