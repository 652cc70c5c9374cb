"""Forms of the public pages."""

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from newsletters.models import Newsletter, Subscription
from newsletters.models.subscription import LeavingReason


class SubscribeForm(forms.ModelForm):
    # People never see this field; programs that fill in every field give themselves away by it.
    website = forms.CharField(
        required=False, widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"})
    )

    class Meta:
        model = Subscription
        fields = ["email", "name"]
        labels = {"name": _("Your name"), "email": _("Your email address")}
        widgets = {
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
        }

    @property
    def is_by_a_program(self) -> bool:
        return bool(self.cleaned_data["website"])


class ManyField(forms.ModelMultipleChoiceField):
    """Django's field, for which a number that is too large for the database is no error of ours."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:  # of SQLite; PostgreSQL finds no such row
            code = "invalid_choice"
            raise forms.ValidationError(
                self.error_messages[code], code, {"value": _("a number that is too large")}
            ) from None


class ConfirmForm(forms.Form):
    """What else waits for the same address to confirm it. Nothing is preselected."""

    also = ManyField(
        Subscription.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Also waiting for your confirmation"),
    )

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pending = Subscription.objects.of(subscription.email).pending().exclude(pk=subscription.pk)
        also: Any = self.fields["also"]
        also.queryset = pending.select_related("newsletter")
        also.label_from_instance = lambda other: other.newsletter.name


class LeavingForm(forms.ModelForm):
    """Why somebody left."""

    class Meta:
        model = Subscription
        fields = ["left_because"]
        labels = {"left_because": _("Why did you unsubscribe?")}
        widgets = {"left_because": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reason: Any = self.fields["left_because"]
        reason.required = True
        reason.choices = LeavingReason.choices


class ForgetForm(forms.Form):
    """Deleting can't be undone: it is asked for by a tick, not by a click alone."""

    sure = forms.BooleanField(label=_("Yes, delete all data about this address"))


class PreferencesForm(forms.Form):
    """On or off for each of the newsletters that a link reaches."""

    language = forms.ChoiceField(
        choices=settings.LANGUAGES, required=False, label=_("Language of emails to me")
    )
    newsletters = ManyField(
        Newsletter.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Newsletters"),
    )

    def __init__(self, *args: Any, newsletters: QuerySet[Newsletter], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["newsletters"]
        chosen.queryset = newsletters
