"""What the page on which an issue is written asks for: preview, checks, pictures, autosave.

Preview, checks and pictures are a POST of the whole form to an address of their own, and store
nothing of it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from mailroom.admin.own_views import AdminView
from mailroom.messages.preview import as_mail_frame, framed
from mailroom.models.queries import row_id
from newsletters import emails
from newsletters.admin.draft_form import Conflict, autosave, last_editor
from newsletters.composing import pictures, preflight
from newsletters.composing.preview import inbox_values, preview, reader
from newsletters.markdown import fill
from newsletters.models import Issue, Newsletter, Picture, Subscription

PREVIEW_LAYOUTS = {
    "desktop": gettext_lazy("Desktop"),
    "mobile": gettext_lazy("Mobile"),
    "dark": gettext_lazy("Dark"),
    "text": gettext_lazy("Text"),
    "headers": gettext_lazy("Headers"),
}
TEXT_FIELDS = ("subject", "preheader", "body", "text")
UNNAMED = "draft"

# What the scripts of the page say.
EDITOR_TEXTS = {
    "saved": gettext_lazy("Saved %(when)s"),
    "unsaved": gettext_lazy("Not saved yet"),
    "saving": gettext_lazy("Saving…"),
    "choose": gettext_lazy("Choose a newsletter, and the draft is saved as you type."),
    "offline": gettext_lazy(
        "The server can’t be reached. Your text is kept in this browser; saving is tried again."
    ),
    "refused": gettext_lazy("Not saved: %(why)s"),
    "expired": gettext_lazy(
        "Your session has expired. Your text is kept in this browser. Sign in again in a new "
        "window, then go on writing here."
    ),
    "stranger": gettext_lazy(
        "Another user has signed in. Sign in as the user who opened this page to save this text."
    ),
    "sign_in": gettext_lazy("Sign in"),
    "conflict": gettext_lazy("Your text is kept in this browser and is not saved."),
    "compare": gettext_lazy("Compare and decide"),
    "found": gettext_lazy("This browser kept a text of %(when)s that was never saved."),
    "restore": gettext_lazy("Restore it"),
    "discard": gettext_lazy("Discard it"),
    "uploading": gettext_lazy("Uploading %(name)s…"),
    "upload_failed": gettext_lazy("%(name)s was not uploaded: %(why)s"),
    "no_connection": gettext_lazy("the server can’t be reached."),
    "pictures_left_out": gettext_lazy(
        "Pictures can’t be pasted along with a text. Drop or paste each one by itself."
    ),
    "words": gettext_lazy("%(n)s words"),
}


class DeskView(AdminView):
    """A part of the page, for users who may write."""

    http_method_names = ["post"]

    def is_allowed(self, request: HttpRequest) -> bool:
        return bool(self.model_admin.may_write(request))

    def read(self, request: HttpRequest) -> tuple[Issue, list[str]]:
        """The issue that the form describes, as far as it is filled in, and the texts' faults."""
        form = self.model_admin.get_form(request)(request.POST, instance=Issue())
        form.is_valid()
        issue: Issue = form.instance
        issue.slug = form.cleaned_data.get("slug") or UNNAMED
        if not form.cleaned_data.get("newsletter"):
            issue.newsletter = Newsletter(name=_("Your newsletter"), slug=UNNAMED)
        faults = [
            fault
            for name in TEXT_FIELDS
            for error in form.errors.as_data().get(name, [])
            for fault in error.messages
            if error.code != "required"
        ]
        return issue, faults

    def reader(self, request: HttpRequest, issue: Issue) -> Subscription:
        """The subscriber to preview as, for who may see subscribers; else somebody made up."""
        may_see = self.model_admin.may_see_subscribers(request)
        return reader(issue.newsletter, request.POST.get("reader", "") if may_see else "")


@method_decorator(as_mail_frame, name="dispatch")
class DraftFrame(DeskView):
    """The email of what is typed, for the frame beside it."""

    def post(self, request: HttpRequest) -> HttpResponse:
        issue, faults = self.read(request)
        if faults:
            return self._told(request, faults=faults)
        someone = self.reader(request, issue)
        mail = preview(issue, someone.name, someone.email)
        match look := request.POST.get("look"):
            case "text":
                return self._told(request, text=mail.body)
            case "headers":
                return self._told(request, headers=mail.message().items())
        return framed(mail, scheme="dark" if look == "dark" else "light")

    @staticmethod
    def _told(request: HttpRequest, **context: Any) -> HttpResponse:
        return render(request, "admin/newsletters/issue/_told.html", context)


class DraftChecks(DeskView):
    """What to fix, what to check, and how many people would get it."""

    def post(self, request: HttpRequest) -> HttpResponse:
        issue, faults = self.read(request)
        if not (issue.body.strip() or faults):  # nothing is written yet, and nothing good about it
            return render(request, "admin/newsletters/issue/_checks.html")
        someone = self.reader(request, issue)
        values = inbox_values(issue, someone.name)
        context = {
            "checks": {
                **checks(issue, faults),
                "subject": fill(issue.subject, values),
                "preheader": fill(issue.preheader, values),
            }
        }
        return render(request, "admin/newsletters/issue/_checks.html", context)


def checks(issue: Issue, faults: list[str] | None = None) -> dict[str, Any]:
    """What the list of checks shows.

    faults: of a text that is being typed, which may lack whatever a finished one needs.
    """
    mail = preflight.made_up_email(issue)
    if faults is None:
        faults = preflight.errors(issue, mail)
    elif not faults:
        faults = preflight.of_the_text(issue, mail)
    people = issue.audience().count() if issue.newsletter.pk else 0
    skipped = preflight.suppressed_among(issue) if people else 0
    return {
        "faults": faults,
        "warnings": preflight.about_the_text(issue, mail),
        "people": people - skipped,
        "confirmed": people,
        "skipped": skipped,
        "sender": emails.sender(issue.newsletter),
    }


class SaveDraft(DeskView):
    """Autosave: store what is typed, complete or not. Answers in JSON.

    200: saved; which issue, and which version it has now. 400: what can't be stored. 409: somebody
    else saved or published the draft meanwhile; nothing was stored.
    """

    def post(self, request: HttpRequest) -> JsonResponse:
        tab = request.POST.get("tab", "")[:40].replace("\0", "")
        issue = self._draft(request, tab)
        form = self.model_admin.get_form(request)(request.POST, instance=issue or Issue())
        form.fields.pop("seen_version", None)  # or the form would ask, as a page of its own does
        form.is_valid()
        seen = request.POST.get("seen_version", "")
        try:
            version = int(seen) if seen.isdecimal() and len(seen) < 10 else 0
            saved = autosave(form, issue, tab, version, request.user)
        except KeyError:
            return _refused(_("choose a newsletter first."), HTTPStatus.BAD_REQUEST)
        except Conflict:
            assert issue
            issue.refresh_from_db()
            return self._conflict(issue)
        return JsonResponse(
            {
                "issue": saved.pk,
                "version": saved.version,
                "saved_at": saved.updated_at.isoformat(),
                "change_url": reverse("admin:newsletters_issue_change", args=[saved.pk]),
            }
        )

    def _draft(self, request: HttpRequest, tab: str) -> Issue | None:
        """The stored draft; None for a new one. One that this tab made already is not made again.

        The answer to the first save may have been lost on the way.
        """
        pk = request.POST.get("issue", "")
        issue: Issue | None
        if pk:
            issue = get_object_or_404(Issue, pk=row_id(pk))
        else:
            own = Issue.objects.drafts().filter(saved_by_tab=tab, author=request.user.pk)
            issue = own.first() if tab else None
        allowed = (
            self.model_admin.has_change_permission(request)
            if issue
            else self.model_admin.has_add_permission(request)
        )
        if not allowed:
            raise PermissionDenied
        return issue

    @staticmethod
    def _conflict(issue: Issue) -> JsonResponse:
        if not issue.is_draft:
            text = _("This issue was published while you were writing.")
        else:
            text = _("%(who)s saved this draft in another window after you had opened it.")
            text %= {"who": last_editor(issue)}
        return _refused(text, HTTPStatus.CONFLICT)


def _refused(error: str, status: HTTPStatus) -> JsonResponse:
    return JsonResponse({"error": error}, status=status)


@method_decorator(never_cache, name="dispatch")
class SessionPage(DeskView):
    """Who is signed in, for a page whose session expired; a page for the window that signed in."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        if request.GET.get("format") == "json":
            return JsonResponse({"user": str(request.user.pk), "token": get_token(request)})
        site = self.model_admin.admin_site.each_context(request)
        context = {**site, "opts": Issue._meta, "title": _("You are signed in")}
        return render(request, "admin/newsletters/issue/session.html", context)


class PictureForm(forms.Form):
    picture = forms.FileField(label=gettext_lazy("Picture"))
    alt = forms.CharField(label=gettext_lazy("Alt text"), max_length=300, required=False)

    def clean_alt(self) -> str:
        """Nothing in it may end the text of a Markdown image."""
        words = " ".join(self.cleaned_data["alt"].split())
        return "".join(f"\\{one}" if one in "\\[]*_`<&!{}" else one for one in words)


class UploadPicture(DeskView):
    """Keep a picture, and answer with the Markdown that shows it: in JSON, or as a page."""

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PictureForm(request.POST, request.FILES)
        context: dict[str, Any] = {"faults": []}
        try:
            if not form.is_valid():
                raise ValidationError([e for errors in form.errors.values() for e in errors])
            picture = pictures.store_picture(form.cleaned_data["picture"], request.user)
            context |= {"picture": picture, "markup": markup(picture, form.cleaned_data["alt"])}
        except ValidationError as error:
            context["faults"] = error.messages
        if request.accepts("text/html"):
            site = self.model_admin.admin_site.each_context(request)
            context |= {**site, "opts": Issue._meta, "title": _("Picture")}
            return render(request, "admin/newsletters/issue/picture.html", context)
        if context["faults"]:
            return _refused(" ".join(context["faults"]), HTTPStatus.BAD_REQUEST)
        return JsonResponse({"markup": context["markup"]})


def markup(picture: Picture, alt: str = "") -> str:
    """The Markdown of an image."""
    return f"![{alt}]({picture.url})"
