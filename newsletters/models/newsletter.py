from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.db import models, transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailroom.addresses import AddressField
from mailroom.models import MailAccount
from newsletters.validators import NotReserved, one_line, printable


class Newsletter(models.Model):
    """A newsletter and its identity: who it comes from, and what its emails look like."""

    name = models.CharField(_("name"), max_length=100, unique=True, validators=[one_line])
    slug = models.SlugField(
        _("slug"),
        unique=True,
        help_text=_("Part of its address: /newsletters/slug/."),
        validators=[NotReserved("confirm", "preferences", "unsubscribe")],
    )
    description = models.TextField(_("description"), blank=True)
    language = models.CharField(
        _("language"), max_length=12, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    sender_name = models.CharField(
        _("sender name"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        validators=[one_line],
    )
    sender_address = AddressField(
        _("sender address"),
        blank=True,
        default="",
        db_default="",
        help_text=_("Your provider must allow it. Empty: the address set for all newsletters."),
    )
    reply_to = AddressField(
        _("reply-to address"),
        blank=True,
        default="",
        db_default="",
        help_text=_("Where answers go. Empty: to the sender."),
    )
    account = models.ForeignKey(
        MailAccount,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="newsletters",
        verbose_name=_("mail account"),
        help_text=_("Sends its issues. Empty: the provider set for all newsletters."),
    )
    logo = models.ForeignKey(
        "newsletters.Picture",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("logo"),
    )
    colour = models.CharField(
        _("colour"),
        max_length=7,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", _("Write it as #1f3a6e."))],
        help_text=_("Of the top bar and of buttons, for example #1f3a6e."),
    )
    footer = models.TextField(
        _("footer"), max_length=1000, blank=True, default="", db_default="", validators=[printable]
    )
    postal_address = models.TextField(
        _("postal address"),
        max_length=300,
        blank=True,
        default="",
        db_default="",
        validators=[printable],
        help_text=_("Shown below every issue. Many countries require it in bulk email."),
    )
    privacy_url = models.URLField(
        _("privacy policy"),
        blank=True,
        default="",
        db_default="",
        validators=[URLValidator(["http", "https"])],
        help_text=_("Linked at the form to subscribe."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("newsletter")
        verbose_name_plural = _("newsletters")
        permissions = [("change_sender", "Can change the sender address of a newsletter")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a mail account that is for other email."""
        if self.account and not self.account.allows("newsletters"):
            raise ValidationError({"account": _("This mail account is not for newsletters.")})

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and keep the slug it had so far as an old one that redirects."""
        earlier = changed_slug(Newsletter.objects.filter(pk=self.pk), self.slug)
        super().save(*args, **kwargs)
        if earlier:
            OldSlug.objects.update_or_create(
                slug=earlier, issue=None, defaults={"newsletter": self}
            )

    def get_absolute_url(self) -> str:
        return reverse("newsletters:newsletter", args=[self.slug])

    @property
    def text_on_colour(self) -> str:
        """Black or white, whichever can be read on its colour (WCAG 2.2, relative luminance)."""
        shares = (int(self.colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        luminance = sum(w * s for w, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
        return "#000000" if luminance > 0.179 else "#ffffff"


def changed_slug(stored: models.QuerySet, slug: str) -> str | None:
    """The slug that a row has in the database, where saving it with this one will change it."""
    return stored.exclude(slug=slug).values_list("slug", flat=True).first()


class OldSlug(models.Model):
    """A slug that a newsletter, or a published issue of one, had earlier."""

    newsletter = models.ForeignKey(Newsletter, models.CASCADE, related_name="old_slugs")
    issue = models.ForeignKey(
        "newsletters.Issue", models.CASCADE, null=True, related_name="old_slugs"
    )
    slug = models.SlugField(max_length=150)

    class Meta:
        verbose_name = _("old slug")
        verbose_name_plural = _("old slugs")

    def __str__(self) -> str:
        return self.slug
