from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from newsletters.models.issue import Issue


class IssueTest(models.Model):
    """A test of an issue: who sent which content, and to whom. See newsletters.trying."""

    issue = models.ForeignKey(Issue, models.CASCADE, related_name="tests")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by")
    )
    content = models.CharField(max_length=64)  # a fingerprint
    addresses = models.JSONField(_("addresses"), default=list)
    sent_at = models.DateTimeField(_("sent at"), auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("test of an issue")
        verbose_name_plural = _("tests of issues")

    def __str__(self) -> str:
        return f"{self.issue_id}, {self.sent_at}"
