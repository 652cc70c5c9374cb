"""Beside the text as it is typed: what it becomes, what is wrong with it, and its pictures.

Each is a POST of the whole form to an address of its own, and stores nothing of it.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import View

from mailroom.channels import channel_options
from mailroom.mail_frame import as_mail_frame, framed
from newsletters import checking, pictures
from newsletters.markdown import fill
from newsletters.models import Issue, Newsletter, Picture, Subscription
from newsletters.preview import inbox_values, preview, reader

LOOKS = {
    "desktop": gettext_lazy("Desktop"),
    "mobile": gettext_lazy("Mobile"),
    "text": gettext_lazy("Text"),
    "headers": gettext_lazy("Headers"),
}
TEXTS = ("subject", "preheader", "body", "text")
UNNAMED = "draft"


class DeskView(View):
    """For who may write."""

    http_method_names = ["post"]
    model_admin: Any = None  # the IssueAdmin, given by as_view

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.model_admin.may_write(request):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

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
            for name in TEXTS
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
    """The mail of what stands in the form, for the frame beside it."""

    def post(self, request: HttpRequest) -> HttpResponse:
        issue, faults = self.read(request)
        if faults:
            return self._told(request, faults=faults)
        someone = self.reader(request, issue)
        mail = preview(issue, someone.name, someone.email)
        match request.POST.get("look"):
            case "text":
                return self._told(request, text=mail.body)
            case "headers":
                return self._told(request, headers=mail.message().items())
        return framed(mail)

    @staticmethod
    def _told(request: HttpRequest, **context: Any) -> HttpResponse:
        return render(request, "admin/newsletters/issue/_told.html", context)


class DraftChecks(DeskView):
    """What to mend, what to look at, and how many people would get it."""

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
    mail = checking.sample(issue)
    if faults is None:
        faults = checking.errors(issue, mail)
    elif not faults:
        faults = checking.of_the_text(issue, mail)
    people = issue.audience().count() if issue.newsletter.pk else 0
    skipped = checking.suppressed_among(issue) if people else 0
    return {
        "faults": faults,
        "warnings": checking.about_the_text(issue, mail),
        "people": people - skipped,
        "confirmed": people,
        "skipped": skipped,
        "sender": channel_options(checking.CHANNEL).from_email,
    }


class PictureForm(forms.Form):
    picture = forms.FileField(label=gettext_lazy("Picture"))
    alt = forms.CharField(label=gettext_lazy("What it shows"), max_length=300, required=False)

    def clean_alt(self) -> str:
        """Nothing in it may end the text of a Markdown image."""
        words = " ".join(self.cleaned_data["alt"].split())
        return "".join(f"\\{one}" if one in "\\[]*_`<&!{}" else one for one in words)


class UploadPicture(DeskView):
    """Keep a picture, and offer the Markdown that shows it."""

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PictureForm(request.POST, request.FILES)
        context: dict[str, Any] = {"faults": []}
        try:
            if not form.is_valid():
                raise ValidationError([e for errors in form.errors.values() for e in errors])
            picture = pictures.keep(form.cleaned_data["picture"], request.user)
            context |= {"picture": picture, "markup": markup(picture, form.cleaned_data["alt"])}
        except ValidationError as error:
            context["faults"] = error.messages
        if not request.headers.get("HX-Request"):
            site = self.model_admin.admin_site.each_context(request)
            context |= {**site, "opts": Issue._meta, "title": _("Picture")}
            return render(request, "admin/newsletters/issue/picture.html", context)
        return render(request, "admin/newsletters/issue/_picture.html", context)


def markup(picture: Picture, alt: str = "") -> str:
    """The Markdown of an image."""
    return f"![{alt}]({picture.url})"
