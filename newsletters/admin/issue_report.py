"""The report of an issue: figures, a chart, who got it and who didn't, and all of it as a file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailroom.csv_files import csv_response
from mailroom.models import Delivery
from newsletters.admin.issue_views import IssueView
from newsletters.sending import report

TRACKED = {"opens": gettext_lazy("opens"), "clicks": gettext_lazy("clicks")}


class IssueReportPage(IssueView):
    template_name = "admin/newsletters/issue/report.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        show, search = asked(self.request)
        people: list[Delivery] = []
        urgent: list[Delivery] = []
        more_urgent = ""
        go_on = ""
        if self.model_admin.may_see_subscribers(self.request):
            rows = report.recipients(self.object, show, search)
            people, go_on = report.page_of(rows, self.request.GET.get("after", ""))
            if not (show or search or "after" in self.request.GET):
                urgent, more_urgent = report.page_of(
                    report.recipients(self.object, report.ATTENTION), ""
                )
        figures = report.IssueReport(self.object)
        labels = {key: label for key, label, _number, _part in figures.figures}
        labels[report.ATTENTION] = _("need attention")
        return super().get_context_data(
            title=_("Report"),
            report=figures,
            show=show,
            shown=labels.get(show, ""),
            search=search,
            people=people,
            urgent=urgent,
            more_urgent=more_urgent,
            query=urlencode({"show": show, "search": search}),
            after=urlencode({"show": show, "search": search, "after": go_on}) if go_on else "",
            tracking=[TRACKED[one] for one in settings.NEWSLETTER_TRACKING],
            **self.model_admin.steps(self.request),
            **kwargs,
        )


class RecipientsCSV(IssueView):
    """The recipients as a file, streamed: half a million of them never stand in memory."""

    http_method_names = ["get"]

    def is_allowed(self, request: HttpRequest) -> bool:
        return super().is_allowed(request) and self.model_admin.may_see_subscribers(request)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        issue = self.get_object()
        rows = report.recipients(issue, *asked(request))
        name = f"{issue.slug}-recipients.csv"
        return csv_response(report.as_rows(rows), name)


def asked(request: HttpRequest) -> tuple[str, str]:
    """What the person wants to see: by state or feedback, and by a part of the address."""
    return request.GET.get("show", ""), request.GET.get("search", "").strip()[:100]
