"""The form for when digests come, and until when nothing does."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from notifications.models import Schedule


class ScheduleForm(forms.ModelForm):
    """A user's rhythm, and the time zone of their profile that it is meant in."""

    time_zone = forms.ChoiceField(label=_("Time zone"))

    class Meta:
        model = Schedule
        fields = ("every", "weekday", "hour", "paused_until")
        widgets = {"paused_until": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
        help_texts = {
            "paused_until": _(
                "Emails resume on this day. Until then, notifications appear only here, except "
                "those that can’t be switched off."
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(zone, zone.replace("_", " ")) for zone in get_user_model().zones()]
        self.initial["time_zone"] = self.instance.user.time_zone

    def keep(self) -> None:
        """Store the schedule where it differs from the default, and the zone."""
        user = self.instance.user
        user.time_zone = self.cleaned_data["time_zone"]
        get_user_model().objects.filter(pk=user.pk).update(time_zone=user.time_zone)
        self.instance.keep()
