"""What everybody may read."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from django.views.generic import DetailView, ListView

from newsletters.composing.preview import issue_html
from newsletters.markdown import fill
from newsletters.models import Issue, Newsletter

# An issue shows the pictures its editor linked, wherever they are.
WITH_PICTURES: dict[str, Any] = {**settings.SECURE_CSP, "img-src": [CSP.SELF, "data:", "https:"]}


class NewsletterList(ListView):
    model = Newsletter
    template_name = "newsletters/list.html"


@method_decorator(csp_override(WITH_PICTURES), name="dispatch")
class IssuePage(DetailView):
    template_name = "newsletters/issue.html"

    def get_queryset(self) -> QuerySet[Issue]:
        issues = Issue.objects.published().select_related("newsletter")
        return issues.filter(newsletter__slug=self.kwargs["newsletter"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            title=self.object.title,
            html=issue_html(self.object),
            newsletter=self.object.newsletter,
            canonical=self.object.common_values()["web_url"],
            summary=fill(self.object.preheader, self.object.public_values()),
            **kwargs,
        )
