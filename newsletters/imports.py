"""People from a CSV file, all or nothing, and back into one. Who left stays out."""

from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Result
from import_export.widgets import ForeignKeyWidget
from tablib import Dataset

from mailroom.cells import TextCell
from newsletters import csv_file
from newsletters.consent import Consent
from newsletters.models import Newsletter, Subscription
from newsletters.models.subscriptions import normalise


def import_subscribers(newsletter: Newsletter, file: BinaryIO, consent: str) -> Result:
    """Subscribe the people of a CSV file as confirmed; the result counts new and skipped rows.

    file: opened in binary mode. consent: how they agreed, kept with each of them.
    Raises ValidationError with every fault and its line; then nothing was imported.
    """
    resource = SubscriptionResource(newsletter=newsletter, consent=consent)
    result = resource.import_data(csv_file.read(file.read()), rollback_on_validation_errors=True)
    if result.faults:
        raise ValidationError(result.faults)
    return result


class ImportResult(Result):
    @property
    def faults(self) -> list[str]:
        """Every fault, with its line, in the order of the file."""
        return [
            *(str(error.error) for error in self.base_errors),
            *(str(error.error) for _line, errors in self.row_errors() for error in errors),
            *(message for row in self.invalid_rows for message in row.error.messages),
        ]


class SubscriptionResource(ModelResource):
    newsletter = Field("newsletter", "newsletter", ForeignKeyWidget(Newsletter, "slug"))
    name = Field("name", "name", TextCell(), default="")

    class Meta:
        model = Subscription
        fields = ("newsletter", "email", "name", "language")
        import_id_fields = ("newsletter", "email")
        clean_model_instances = True
        use_transactions = True
        report_skipped = True
        store_instance = True
        skip_diff = True  # it marks changes by style attributes, which the page's policy forbids

    def __init__(self, newsletter: Any = None, consent: str = "", **kwargs: Any) -> None:
        """newsletter: the one that gets the people; None only to show the names of the columns."""
        super().__init__(**kwargs)
        self.target, self.consent = newsletter, consent
        self.seen: dict[str, int] = {}

    def get_result_class(self) -> type[Result]:
        return ImportResult

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        if "newsletter" not in dataset.headers:
            dataset.append_col([self.target.slug] * len(dataset), header="newsletter")

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        row["email"] = normalise(row["email"])
        row["language"] = row.get("language") or self.target.language
        first = self.seen.setdefault(row["email"], row[csv_file.LINE])
        if first != row[csv_file.LINE]:
            text = _("%(email)s is on line %(first)s already.")
            raise ValidationError(text % {"email": row["email"], "first": first})
        if row["newsletter"] != self.target.slug:
            text = _("this row is for the newsletter “%(other)s”.")
            raise ValidationError(text % {"other": row["newsletter"]})

    def skip_row(self, instance: Subscription, original: Any, row: Any, errors: Any = None) -> bool:
        """Known people keep what they have; who left, and who left before, is not brought back."""
        return bool(instance.pk) and (not instance.is_pending or bool(instance.unsubscribed_at))

    def validate_instance(
        self, instance: Subscription, import_validation_errors: Any = None, **kwargs: Any
    ) -> None:
        try:
            super().validate_instance(instance, import_validation_errors, **kwargs)
        except ValidationError as error:
            faults = [
                f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts
            ]
            raise ValidationError(faults) from None

    def before_save_instance(self, instance: Subscription, row: Any, **kwargs: Any) -> None:
        instance.state, instance.confirmed_at = (Subscription.State.CONFIRMED, timezone.now())
        consent = Consent(_("import"), self.consent)
        for field, value in consent.fields().items():
            setattr(instance, field, value)

    def import_row(self, row: dict[str, Any], instance_loader: Any, **kwargs: Any) -> Any:
        """Put the line before every fault of a row."""
        result = super().import_row(row, instance_loader, **kwargs)
        if fault := result.validation_error:
            texts = fault.messages
            line = _("Line %(line)s: ") % {"line": row[csv_file.LINE]}
            result.validation_error = ValidationError([line + text for text in texts])
        return result


class SubscriptionExport(ModelResource):
    newsletter = Field("newsletter", "newsletter", ForeignKeyWidget(Newsletter, "slug"))
    # What strangers typed must not become a formula in an editor's spreadsheet.
    email = Field("email", "email", TextCell())
    name = Field("name", "name", TextCell())
    consent_source = Field("consent_source", "consent_source", TextCell())
    consent_wording = Field("consent_wording", "consent_wording", TextCell())

    class Meta:
        model = Subscription
        fields = (
            "newsletter",
            "email",
            "name",
            "language",
            "state",
            "created_at",
            "confirmed_at",
            "unsubscribed_at",
            "consent_at",
            "consent_source",
            "consent_wording",
        )
