"""Pictures of issues. The rows say what they are; the bytes are in the storage `pictures`."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mailroom.messages.links import public_url

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}


class Picture(models.Model):
    digest = models.CharField(max_length=64, unique=True)
    type = models.CharField(_("type"), max_length=20)
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    size = models.PositiveIntegerField(_("bytes"))
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("uploaded by"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")

    def __str__(self) -> str:
        return self.file_name

    @property
    def file_name(self) -> str:
        return f"{self.digest}.{EXTENSIONS[self.type]}"

    @property
    def path(self) -> str:
        """For pages of this site."""
        return reverse("newsletters:picture", args=[self.digest, EXTENSIONS[self.type]])

    @property
    def url(self) -> str:
        """Absolute: mail programs know no other."""
        return public_url("newsletters:picture", self.digest, EXTENSIONS[self.type])


class PictureContent(models.Model):
    """The bytes of one picture, where the database keeps them."""

    name = models.CharField(max_length=80, unique=True)
    content = models.BinaryField()

    class Meta:
        verbose_name = _("content of a picture")
        verbose_name_plural = _("contents of pictures")

    def __str__(self) -> str:
        return self.name
