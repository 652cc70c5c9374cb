"""The form of a draft, which several editors or tabs may have open at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import unified_diff
from http import HTTPStatus
from typing import Any, NamedTuple

from django import forms
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from newsletters.admin.issue_history import record_saved
from newsletters.models import HistoryEntry, Issue


class Difference(NamedTuple):
    """A field that two editors left with different content: its label, lines of + and -."""

    label: str
    lines: list[str]


class Conflict(Exception):  # noqa: N818  (named after what happened)
    """The draft was saved or published elsewhere since this tab last saw it."""


class DraftForm(forms.ModelForm):
    """Saves only onto the version that it was opened with."""

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    differences: list[Difference] = []  # never written to

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "seen_version" in self.fields and self.instance.pk:
            self.initial["seen_version"] = self.instance.version
        if "slug" in self.fields:
            self.fields["slug"].required = False
        if "newsletter" in self.fields:
            widget = self.fields["newsletter"].widget
            if isinstance(widget, RelatedFieldWidgetWrapper):  # its links lead away from the text
                self.fields["newsletter"].widget = widget.widget

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        self._choose_slug()
        if self.instance.pk and (seen := self.cleaned_data.get("seen_version")):
            # Locked until the admin's transaction ends, so that nobody comes between.
            stored = Issue.objects.select_for_update().get(pk=self.instance.pk)
            tab = self.data.get("tab")
            if stored.version != seen and not (tab and stored.saved_by_tab == tab):
                self._ask(stored)
        return cleaned

    def _choose_slug(self) -> None:
        """Make the slug from the subject, unless somebody chose one."""
        newsletter, slug = self.cleaned_data.get("newsletter"), self.cleaned_data.get("slug")
        made = slugify(self.cleaned_data.get("subject") or "")
        if newsletter and slug is not None and slug in ("", made):
            self.cleaned_data["slug"] = Issue.objects.free_slug(newsletter, made, self.instance.pk)

    def _ask(self, stored: Issue) -> None:
        """Show both texts; saving once more replaces what is stored."""
        text = _(
            "%(who)s saved this draft after you had opened it. Your text is below, not saved yet. "
            "Save again to replace what is stored, or take over what you want to keep of it."
        )
        self.add_error(None, text % {"who": last_editor(stored)})
        self.differences = list(self._compare(stored))
        self.data = self.data.copy()  # type: ignore[attr-defined]
        self.data[self.add_prefix("seen_version")] = str(stored.version)  # type: ignore[index]

    def _compare(self, stored: Issue) -> Iterator[Difference]:
        for name, field in self.fields.items():
            mine = str(self.data.get(self.add_prefix(name)) or "")
            kept = str(getattr(stored, f"{name}_id", getattr(stored, name, "")) or "")
            lines = unified_diff(kept.splitlines(), mine.splitlines(), lineterm="", n=1)
            shown = [line for line in list(lines)[2:] if not line.startswith("@@")]
            if shown and name != "seen_version":
                yield Difference(str(field.label), shown)


def last_editor(issue: Issue) -> str:
    """The name of the user who saved a draft last."""
    last = HistoryEntry.objects.filter(issue=issue, step=HistoryEntry.Step.SAVED).first()
    return (last and last.who) or _("Someone else")


# -- Autosave -----------------------------------------------------------------------------------


@transaction.atomic
def autosave(form: DraftForm, issue: Issue | None, tab: str, seen: int, user: Any) -> Issue:
    """Store what is being typed, complete or not: publishing checks it, saving does not.

    form: bound and validated. issue: the stored draft; None creates one. tab: a name that the
    browser made for this one page, so that a tab does not conflict with its own last save, whose
    answer may have been lost. seen: the version that the tab knows.
    Raises Conflict if somebody else saved or published it since, and KeyError without newsletter.
    """
    values = dict(_storable(form))
    if issue is None:
        issue = Issue(newsletter=values["newsletter"], author=user)
    else:
        issue = Issue.objects.select_for_update().get(pk=issue.pk)
        if not issue.is_draft or (issue.version != seen and issue.saved_by_tab != tab):
            raise Conflict
        values.setdefault("newsletter", issue.newsletter)
        values.setdefault("slug", issue.slug)
        if all(getattr(issue, name) == value for name, value in values.items()):
            return issue
        issue.version += 1
    wanted = values.get("slug", "")
    values["slug"] = Issue.objects.free_slug(values["newsletter"], wanted, issue.pk)
    for name, value in values.items():
        setattr(issue, name, value)
    issue.saved_by_tab = tab
    issue.save()
    record_saved(issue, user)
    return issue


def _storable(form: DraftForm) -> Iterator[tuple[str, Any]]:
    """The fields that were posted and that the database can hold, valid or not."""
    for name in form.fields:
        if name not in form.data or name == "seen_version":
            continue
        column: Any = Issue._meta.get_field(name)
        if name in form.cleaned_data:
            if form.cleaned_data[name] not in (None, "") or column.null or column.blank:
                yield name, form.cleaned_data[name]
        elif name in ("subject", "preheader", "body", "text"):
            text = str(form.data[name])
            longest = getattr(column, "max_length", None) or len(text)
            if "\0" not in text and len(text) <= longest:
                yield name, text


def too_late(
    admin: Any, request: HttpRequest, issue: Issue, content: Iterable[str]
) -> HttpResponse:
    """The text of somebody who saves what was published meanwhile: to keep as a new draft."""
    typed = {name: request.POST[name] for name in content if name in request.POST}
    typed["slug"] = f"{issue.slug[:40]}-{int(timezone.now().timestamp())}"
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Your text was not saved"),
        "opts": admin.opts,
        "issue": issue,
        "typed": typed,
        "may_add": admin.has_add_permission(request),
    }
    template = "admin/newsletters/issue/too_late.html"
    return render(request, template, context, status=HTTPStatus.CONFLICT)
