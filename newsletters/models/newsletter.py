from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsletters.validators import NotReserved, one_line


class Newsletter(models.Model):
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
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("newsletter")
        verbose_name_plural = _("newsletters")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("newsletters:newsletter", args=[self.slug])
