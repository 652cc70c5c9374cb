"""What people chose to be told."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, Way


class Preference(models.Model):
    """A choice that differs from the kind's default: a new kind needs no row for anybody."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences"
    )
    kind = models.CharField(max_length=50)
    delivery = models.CharField(max_length=10)

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_preference_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.delivery}"

    @classmethod
    def chosen_by(cls, user: Any) -> dict[str, str]:
        """A user's choices by kind."""
        return dict(cls.objects.filter(user=user).values_list("kind", "delivery"))

    @classmethod
    def choose(cls, user: Any, kind: Kind, delivery: Way) -> None:
        """Remember a choice; the default needs no row, and a required kind takes no choice."""
        if kind.required or delivery is kind.default:
            cls.objects.filter(user=user, kind=kind.key).delete()
        else:
            cls.objects.update_or_create(
                user=user, kind=kind.key, defaults={"delivery": delivery.value}
            )
