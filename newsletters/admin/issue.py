from typing import Any

from django.contrib import admin, messages
from django.db.models import F, TextField
from django.forms import Textarea
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailroom.admin.own_views import OwnViewsAdmin
from newsletters.admin import (
    desk,
    issue_history,
    issue_report,
    issue_steps,
    issue_views,
    publish_views,
)
from newsletters.admin.draft_form import DraftForm, too_late
from newsletters.composing.preview import generated_text, is_tested
from newsletters.markdown import PLACEHOLDERS
from newsletters.models import Issue, Newsletter, Subscription
from newsletters.sending import controls
from newsletters.sending.progress import IssueProgress

WRITTEN = ("newsletter", "subject", "slug", "web_title", "preheader", "body")
AUDIENCE = ("for_language", "joined_from", "joined_before")
FIXED_ONCE_SENT = ("newsletter", "slug", *controls.ISSUE_CONTENT)


@admin.register(Issue)
class IssueAdmin(OwnViewsAdmin):
    """Write, preview, publish. What is published can be looked at, and no longer changed."""

    list_display = ["subject", "newsletter", "state", "published_at", "author"]
    list_filter = ["newsletter", "state"]
    list_select_related = ["newsletter", "author"]
    search_fields = ["subject"]
    prepopulated_fields = {"slug": ["subject"]}
    form = DraftForm
    fieldsets = (
        (None, {"fields": WRITTEN}),
        (_("Audience"), {"fields": AUDIENCE, "classes": ["collapse"]}),
        (_("Language and text version"), {"fields": ["language", "text"], "classes": ["collapse"]}),
    )
    actions = None  # deleting many at once would not ask whether each of them is a draft
    formfield_overrides = {
        TextField: {"widget": Textarea(attrs={"rows": 24, "cols": 90}), "strip": False}
    }
    change_form_template = "admin/newsletters/issue/change_form.html"
    own_views = {
        "draft/frame/": desk.DraftFrame,
        "draft/checks/": desk.DraftChecks,
        "draft/picture/": desk.UploadPicture,
        "draft/save/": desk.SaveDraft,
        "draft/session/": desk.SessionPage,
        "<int:pk>/publish/": publish_views.PublishIssue,
        "<int:pk>/schedule/": publish_views.ScheduleIssue,
        "<int:pk>/undo/": publish_views.Undo,
        "<int:pk>/preview/": issue_views.PreviewIssue,
        "<int:pk>/frame/": issue_views.IssueFrame,
        "<int:pk>/progress/": issue_views.IssueProgressPage,
        "<int:pk>/pause/": issue_steps.Pause,
        "<int:pk>/resume/": issue_steps.Resume,
        "<int:pk>/cancel/": issue_steps.CancelIssue,
        "<int:pk>/retry/": issue_steps.RetryFailed,
        "<int:pk>/duplicate/": issue_steps.Duplicate,
        "<int:pk>/test/": issue_steps.SendTest,
        "<int:pk>/report/": issue_report.IssueReportPage,
        "<int:pk>/recipients/": issue_report.RecipientsCSV,
        "<int:pk>/count-as-sent/": issue_steps.CountAsSent,
        "<int:pk>/send-again/": issue_steps.SendAgain,
    }

    def view_on_site(self, obj: Issue) -> str | None:
        return obj.get_absolute_url() if obj.published_at else None

    def get_fieldsets(self, request: HttpRequest, obj: Issue | None = None) -> Any:
        """With the version of a draft that may be changed, hidden."""
        first, *others = super().get_fieldsets(request, obj)
        if obj and not self.has_change_permission(request, obj):
            return [first, *others]
        return [(first[0], {**first[1], "fields": [*WRITTEN, "seen_version"]}), *others]

    def has_change_permission(self, request: HttpRequest, obj: Issue | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def has_delete_permission(self, request: HttpRequest, obj: Issue | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_draft)

    def may_write(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) or self.has_change_permission(request)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("newsletters.publish_issue")

    def may_see_subscribers(self, request: HttpRequest) -> bool:
        """Whether addresses and names of readers may be shown, previewed and downloaded."""
        return request.user.has_perm("newsletters.view_subscription")

    def steps(self, request: HttpRequest) -> dict[str, bool]:
        """Which steps this user may take with a published issue."""
        return {
            "may_steer": self.has_publish_permission(request),
            "may_duplicate": self.has_add_permission(request),
            "may_see_subscribers": self.may_see_subscribers(request),
        }

    def get_prepopulated_fields(self, request: HttpRequest, obj: Issue | None = None) -> Any:
        may_edit = self.has_change_permission(request, obj) if obj else True
        return super().get_prepopulated_fields(request, obj) if may_edit else {}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Change a draft only as long as it is one: a colleague may publish it meanwhile."""
        if "_text" in request.POST:
            obj.text = form.cleaned_data["text"] = generated_text(obj.body)
        if not change:
            obj.author = request.user
            super().save_model(request, obj, form, change)
            issue_history.record_saved(obj, request.user)
            return
        content = {name: form.cleaned_data[name] for name in FIXED_ONCE_SENT}
        drafts = Issue.objects.drafts().filter(pk=obj.pk)
        content |= {"version": F("version") + 1, "saved_by_tab": "", "updated_at": timezone.now()}
        saved = drafts.update(**content)
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
                return too_late(self, request, issue, FIXED_ONCE_SENT)
        return super().changeform_view(request, object_id, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Ours stands on the page of the issue, and knows what happened by itself too."""
        return redirect(reverse("admin:newsletters_issue_change", args=[object_id]) + "#history")

    def _onward(self, request: HttpRequest, issue: Issue) -> HttpResponse | None:
        """Where a button beside the text leads once it is saved."""
        for step in ("preview", "publish"):
            if f"_{step}" in request.POST:
                return redirect(f"admin:newsletters_issue_{step}", issue.pk)
        if "_text" in request.POST:
            messages.success(request, _("Saved, with the text version made from the body."))
            return redirect(f"{reverse('admin:newsletters_issue_change', args=[issue.pk])}#id_text")
        return None

    def response_add(self, request: HttpRequest, obj: Any, *args: Any) -> HttpResponse:
        return self._onward(request, obj) or super().response_add(request, obj, *args)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not obj.came_too_late:
            return self._onward(request, obj) or super().response_change(request, obj)
        messages.error(
            request, _("It has been published in the meantime. Your changes were not saved.")
        )
        return redirect("admin:newsletters_issue_change", obj.pk)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        issue = kwargs.get("obj")
        allowed = self.has_change_permission(request, issue) if issue else True
        if allowed:
            context |= {
                "is_nav_sidebar_enabled": False,  # the text gets the width of the window
                "may_write": True,
                "draft": context["adminform"].form,
                "looks": desk.PREVIEW_LAYOUTS,
                "picture_form": desk.PictureForm(auto_id="desk_%s"),
                "may_see_subscribers": self.may_see_subscribers(request),
                "placeholders": PLACEHOLDERS,
                "readers": _readers(issue),
                "is_tested": bool(issue and is_tested(issue)),
                "words": {name: str(text) for name, text in desk.EDITOR_TEXTS.items()},
            }
        if issue:
            context |= {
                "progress": None if issue.is_draft else IssueProgress(issue),
                "history": issue_history.latest(issue),
                **self.steps(request),
            }
        context["may_publish"] = allowed and self.has_publish_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The newsletter that this user wrote for last, or the only one there is."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        last = Issue.objects.filter(author=request.user.pk).order_by("-pk").first()
        newsletters = list(Newsletter.objects.values_list("pk", flat=True)[:2])
        if last:
            initial.setdefault("newsletter", last.newsletter_id)
        elif len(newsletters) == 1:
            initial.setdefault("newsletter", newsletters[0])
        return initial


def _readers(issue: Issue | None) -> Any:
    """A few subscribers to choose from; any other can be typed."""
    found = issue.newsletter.subscriptions.all() if issue else Subscription.objects.all()
    return found.confirmed().order_by("pk").values("email", "name")[:20]
