"""The form of a draft, which two editors may have open at once: the second to save is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import unified_diff
from http import HTTPStatus
from typing import Any, NamedTuple

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletters.models import HistoryEntry, Issue


class Difference(NamedTuple):
    """A field that two editors left with different content: its label, lines of + and -."""

    label: str
    lines: list[str]


class DraftForm(forms.ModelForm):
    """Saves only onto the version that it was opened with."""

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    differences: list[Difference] = []  # never written to

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "seen_version" in self.fields and self.instance.pk:
            self.initial["seen_version"] = self.instance.version

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.instance.pk and (seen := self.cleaned_data.get("seen_version")):
            # Locked until the admin's transaction ends, so that nobody comes between.
            stored = Issue.objects.select_for_update().get(pk=self.instance.pk)
            if stored.version != seen:
                self._ask(stored)
        return cleaned

    def _ask(self, stored: Issue) -> None:
        """Show both; who saves once more has seen what they replace."""
        last = HistoryEntry.objects.filter(issue=stored, step=HistoryEntry.Step.SAVED).first()
        told = _(
            "%(who)s saved this draft after you had opened it. Your text is below, not saved yet. "
            "Save again to replace what is stored, or take over what you want to keep of it."
        )
        self.add_error(None, told % {"who": (last and last.who) or _("Somebody else")})
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
