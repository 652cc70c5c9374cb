"""An issue as it stands on the web, where nobody in particular reads."""

from django.utils.safestring import SafeString

from newsletters.emails import public_values
from newsletters.markdown import fill, render_html
from newsletters.models import Issue
from newsletters.pictures import widths_in


def issue_title(issue: Issue) -> str:
    return issue.web_title or fill(issue.subject, public_values(issue))


def issue_html(issue: Issue) -> SafeString:
    return render_html(issue.body, public_values(issue), widths_in(issue.body))
