"""People from a CSV file, all or nothing, and back into one. Who left stays out."""

from collections import Counter
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.instance_loaders import CachedInstanceLoader
from import_export.resources import ModelResource
from import_export.results import Result, RowResult
from import_export.widgets import ForeignKeyWidget

from mailroom.cells import TextCell
from newsletters import csv_file
from newsletters.consent import Consent
from newsletters.models import Newsletter, Subscription

NEW, CONFIRMED, KNOWN, LEFT = "new", "confirmed", "known", "left"
CONSENT = ("consent_at", "consent_source", "consent_ip", "consent_wording")


@transaction.atomic
def import_subscribers(newsletter: Newsletter, file: BinaryIO, consent: str) -> Counter[str]:
    """Subscribe the people of a CSV file as confirmed; how many rows were new, known and so on.

    file: opened in binary mode. consent: how they agreed, kept with each of them.
    Raises ValidationError with every fault and its line; then nothing was imported.
    """
    resource = SubscriptionResource(newsletter=newsletter, consent=consent)
    columns = csv_file.columns_of(csv_file.header(file))
    counts, faults = Counter[str](), list[str]()
    for batch in csv_file.batches(file, columns):
        result = resource.take_in(batch)
        counts += result.counts
        faults += result.faults
    if faults:
        raise ValidationError(faults)
    if not counts:
        raise ValidationError(_("The file has no rows."))
    return counts


class ImportResult(Result):
    """What became of a batch. of_form: the faults that were found while it was read."""

    of_form: list[str]

    @property
    def faults(self) -> list[str]:
        """Every fault, with its line."""
        return [
            *self.of_form,
            *(str(error.error) for error in self.base_errors),
            *(str(error.error) for _line, errors in self.row_errors() for error in errors),
            *(message for row in self.invalid_rows for message in row.error.messages),
        ]

    @property
    def counts(self) -> Counter[str]:
        return Counter(outcome(row) for row in self.valid_rows())


def outcome(row: RowResult) -> str:
    """What happens to the person of a good row."""
    if row.is_new():
        return NEW
    if not row.is_skip():
        return CONFIRMED
    return KNOWN if row.instance.is_confirmed else LEFT


class SubscriptionResource(ModelResource):
    name = Field("name", "name", TextCell(), default="")

    class Meta:
        model = Subscription
        fields = ("email", "name", "language")
        import_id_fields = ("email",)
        instance_loader_class = CachedInstanceLoader  # who is known, in one query a batch
        clean_model_instances = True
        use_bulk = True
        batch_size = None
        report_skipped = True
        store_instance = True
        skip_diff = True

    def __init__(self, newsletter: Newsletter, consent: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target, self.consent = newsletter, consent
        self.seen: dict[str, int] = {}

    def take_in(self, batch: csv_file.Batch, *, dry_run: bool = False) -> ImportResult:
        """Import the rows of a batch, or see what would come of it."""
        dry = {"dry_run": dry_run, "use_transactions": False}
        result: ImportResult = self.import_data(batch.dataset, **dry)
        result.of_form = batch.faults
        return result

    def get_result_class(self) -> type[Result]:
        return ImportResult

    def get_queryset(self) -> Any:
        return self.target.subscriptions.all()

    def init_instance(self, row: Any = None) -> Subscription:
        return Subscription(newsletter=self.target)

    def get_bulk_update_fields(self) -> list[str]:
        return ["name", "language", "state", "confirmed_at", *CONSENT]

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        row["language"] = row.get("language") or self.target.language
        first = self.seen.setdefault(row["email"], row[csv_file.LINE])
        if first != row[csv_file.LINE]:
            text = _("%(email)s is on line %(first)s already.")
            raise ValidationError(text % {"email": row["email"], "first": first})
        if row.get("newsletter", self.target.slug) != self.target.slug:
            text = _("this row is for the newsletter “%(other)s”.")
            raise ValidationError(text % {"other": row["newsletter"]})

    def skip_row(self, instance: Subscription, original: Any, row: Any, errors: Any = None) -> bool:
        """Known people keep what they have; who left, and who left before, is not brought back."""
        return bool(instance.pk) and (not instance.is_pending or bool(instance.unsubscribed_at))

    def validate_instance(
        self, instance: Subscription, import_validation_errors: Any = None, **kwargs: Any
    ) -> None:
        """The fields alone: that nobody is there twice is known without a query a row."""
        errors = dict(import_validation_errors or {})
        try:
            instance.clean_fields(exclude={"newsletter", *errors})
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            told = ValidationError(errors).message_dict.items()
            raise ValidationError([f"{name}: {text}" for name, texts in told for text in texts])

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
