"""One issue of a newsletter, from draft to sent."""

from __future__ import annotations

from itertools import chain, count
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from mailroom.messages.links import public_url
from mailroom.models import Message
from newsletters.markdown import (
    PLACEHOLDER_HELP,
    fill,
    greeting,
    validate_body,
    validate_subject,
    validate_text,
)
from newsletters.models.newsletter import Newsletter, OldSlug, changed_slug
from newsletters.models.subscription import SubscriptionQuerySet
from newsletters.validators import NotReserved, one_line, printable

RESERVED = ("feed", "join")  # pages of a newsletter


class IssueState(models.TextChoices):
    DRAFT = "draft", _("draft")
    SCHEDULED = "scheduled", _("scheduled")
    SENDING = "sending", pgettext_lazy("an issue or announcement", "sending")
    PAUSED = "paused", _("paused")
    CANCELLED = "cancelled", _("cancelled")
    SENT = "sent", pgettext_lazy("an issue or announcement", "sent")


class IssueQuerySet(models.QuerySet["Issue"]):
    def drafts(self) -> IssueQuerySet:
        return self.filter(state=IssueState.DRAFT)

    def scheduled(self) -> IssueQuerySet:
        """Those that wait for their time, or for the grace after "publish now" to pass."""
        return self.filter(state=IssueState.SCHEDULED)

    def due(self) -> IssueQuerySet:
        """Scheduled ones whose time has come."""
        return self.scheduled().filter(publish_at__lte=timezone.now())

    def published(self) -> IssueQuerySet:
        """What the public may read: whatever went out, or began to."""
        return self.filter(published_at__isnull=False)

    def to_queue(self) -> IssueQuerySet:
        """Published ones whose mails are not all queued yet."""
        return self.filter(state=IssueState.SENDING, queued_at=None)

    def live(self) -> IssueQuerySet:
        """Due, or being sent: what the worker has to look after."""
        due = models.Q(state=IssueState.SCHEDULED, publish_at__lte=timezone.now())
        return self.filter(due | models.Q(state=IssueState.SENDING))

    def under_way(self) -> IssueQuerySet:
        """Those whose mails are all queued and not all sent, as far as the row says."""
        return self.filter(state=IssueState.SENDING, queued_at__isnull=False)

    def free_slug(self, newsletter: Newsletter, wanted: str, own: int | None = None) -> str:
        """A slug that no other issue of the newsletter has. own: the id of the asking issue."""
        wanted = wanted[:140].strip("-") or "issue"
        others = newsletter.issues.exclude(pk=own or 0)
        taken = {*RESERVED, *others.values_list("slug", flat=True)}
        numbered = (f"{wanted}-{number}" for number in count(2))
        return next(slug for slug in chain([wanted], numbered) if slug not in taken)


class Issue(models.Model):
    State = IssueState

    newsletter = models.ForeignKey(
        Newsletter, models.PROTECT, related_name="issues", verbose_name=_("newsletter")
    )
    subject = models.CharField(
        _("subject"), max_length=150, validators=[one_line, validate_subject]
    )
    slug = models.SlugField(
        _("slug"),
        max_length=150,
        help_text=_("Part of its address on the web."),
        validators=[NotReserved(*RESERVED)],
    )
    web_title = models.CharField(
        _("title on the web"),
        max_length=150,
        blank=True,
        default="",
        db_default="",
        help_text=_("For the archive and the feed. Empty: the subject."),
        validators=[one_line],
    )
    preheader = models.CharField(
        _("preheader"),
        max_length=150,
        blank=True,
        help_text=_("The line that mail programs show beside the subject."),
        validators=[one_line, validate_subject],
    )
    body = models.TextField(
        _("body"), help_text=PLACEHOLDER_HELP, validators=[printable, validate_body]
    )
    text = models.TextField(
        _("text version"),
        blank=True,
        help_text=_(
            "For mail programs that show no HTML. Empty: it is made from the body each time."
        ),
        validators=[printable, validate_text],
    )
    language = models.CharField(
        _("language"),
        max_length=12,
        choices=settings.LANGUAGES,
        blank=True,
        help_text=_("Of the words around the text. Empty: the newsletter’s."),
    )
    for_language = models.CharField(
        _("audience language"),
        max_length=12,
        choices=settings.LANGUAGES,
        blank=True,
        help_text=_("The language that subscribers chose. Empty: all of them."),
    )
    joined_from = models.DateField(_("joined on or after"), null=True, blank=True)
    joined_before = models.DateField(
        _("joined before"),
        null=True,
        blank=True,
        help_text=_("The day itself does not count. Days begin at midnight UTC."),
    )
    state = models.CharField(
        _("state"),
        max_length=12,
        choices=IssueState.choices,
        default=IssueState.DRAFT,
        editable=False,
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("author"),
    )
    message = models.ForeignKey(
        Message, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True)
    # Counted up by each change of the content: who saves or publishes says which one they saw.
    version = models.PositiveIntegerField(default=1, editable=False)
    saved_by_tab = models.CharField(max_length=40, blank=True, db_default="", editable=False)
    publish_at = models.DateTimeField(_("goes out at"), null=True, editable=False)
    published_at = models.DateTimeField(_("published at"), null=True, editable=False)
    # Up to which subscription the mails are queued: a new attempt goes on from there.
    queued_up_to = models.PositiveBigIntegerField(default=0, editable=False)
    queued_at = models.DateTimeField(null=True, editable=False)
    sent_at = models.DateTimeField(_("sent at"), null=True, editable=False)
    # Why it was paused automatically, and since when its failures are counted: see `auto_pause`.
    stop_reason = models.CharField(_("stopped because"), max_length=500, blank=True, editable=False)
    resumed_at = models.DateTimeField(null=True, editable=False)

    objects = IssueQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-pk"]
        verbose_name = _("issue")
        verbose_name_plural = _("issues")
        permissions = [("publish_issue", "Can publish an issue")]
        constraints = [
            models.UniqueConstraint(fields=["newsletter", "slug"], name="one_issue_per_slug")
        ]
        indexes = [models.Index(fields=["state"], name="issue_by_state")]

    def __str__(self) -> str:
        return self.subject or gettext("Untitled")

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; the earlier slug of an issue that is on the web redirects to the new one."""
        earlier = changed_slug(Issue.objects.published().filter(pk=self.pk), self.slug)
        super().save(*args, **kwargs)
        if earlier:
            OldSlug.objects.update_or_create(
                newsletter=self.newsletter, slug=earlier, defaults={"issue": self}
            )

    def get_absolute_url(self) -> str:
        return reverse("newsletters:issue", args=[self.newsletter.slug, self.slug])

    @property
    def title(self) -> str:
        """Its title on the web: its own, or the subject as nobody in particular reads it."""
        return self.web_title or fill(self.subject, self.public_values())

    @property
    def is_draft(self) -> bool:
        return self.state == IssueState.DRAFT

    @property
    def is_scheduled(self) -> bool:
        return self.state == IssueState.SCHEDULED

    @property
    def language_code(self) -> str:
        """The language of what the site adds to the text, in mails and on the web."""
        return self.language or self.newsletter.language

    def common_values(self) -> dict[str, str]:
        """The placeholders that are the same for every reader."""
        web_url = public_url("newsletters:issue", self.newsletter.slug, self.slug)
        return {"newsletter": self.newsletter.name, "web_url": web_url}

    def public_values(self) -> dict[str, str]:
        """The placeholders as they are filled on the web, where nobody in particular reads."""
        landing = public_url("newsletters:newsletter", self.newsletter.slug)
        links = {"unsubscribe_url": landing, "preferences_url": landing}
        return {**self.common_values(), **greeting("", self.language_code), **links}

    def audience(self) -> SubscriptionQuerySet:
        """Who gets it: who was confirmed when it was published and has not left since."""
        people = self.newsletter.subscriptions.confirmed()
        if self.published_at:
            people = people.filter(confirmed_at__lte=self.published_at)
        return people.segment(self.for_language, self.joined_from, self.joined_before)

    def clean(self) -> None:
        start, end = self.joined_from, self.joined_before
        if start and end and start >= end:
            text = _("No one can have joined on or after %(start)s and before %(end)s.")
            raise ValidationError({"joined_before": text % {"start": start, "end": end}})

    def progress(self) -> dict[str, int]:
        """How many mails are in which delivery state, in one query; empty before publishing."""
        return self.message.progress() if self.message else {}


# -- History ---------------------------------------------------------------------------------------


class Step(models.TextChoices):
    SAVED = "saved", _("saved the draft")
    TESTED = "tested", _("sent a test")
    PUBLISHED = "published", _("published it")
    SCHEDULED = "scheduled", _("scheduled it")
    UNDONE = "undone", _("returned it to draft")
    BEGUN = "begun", _("sending started")
    PAUSED = "paused", _("paused it")
    RESUMED = "resumed", _("resumed it")
    CANCELLED = "cancelled", _("cancelled the rest")
    STOPPED = "stopped", _("it was paused automatically")
    RETRIED = "retried", _("retried failed emails")
    RESOLVED = "resolved", _("settled uncertain emails")
    DUPLICATED = "duplicated", _("duplicated it as a draft")
    SENT = "sent", _("all emails were sent")


class HistoryEntry(models.Model):
    """One step. The admin's own log needs a user for each entry: an issue also acts by itself."""

    Step = Step

    issue = models.ForeignKey(Issue, models.CASCADE, related_name="history")
    step = models.CharField(max_length=12, choices=Step.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    who = models.CharField(max_length=200, blank=True)  # still there when the user is gone
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("history entry")
        verbose_name_plural = _("history entries")

    def __str__(self) -> str:
        return f"{self.who} {self.get_step_display()}".strip()


def record(issue: Issue, step: Step, by: Any = None, note: str = "") -> None:
    """Write down that somebody did something; by: a user, None for the site itself."""
    HistoryEntry.objects.create(
        issue=issue, step=step, user=by, who=display_name(by), note=str(note)[:500]
    )


def display_name(user: Any) -> str:
    return (user.get_full_name() or str(user))[:200] if user else ""


# -- Tests -----------------------------------------------------------------------------------------


class IssueTest(models.Model):
    """A test of an issue: who sent which content, and to whom."""

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
