"""Suppressions from another system and into one: `address,channel,reason,note,until`."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.resources import ModelResource

from mailroom.addresses import clean_address
from mailroom.cells import TextCell
from mailroom.models import Suppression


class SuppressionResource(ModelResource):
    """A row is known by its address and channel; a known one takes what the file says."""

    address = Field("address", "address", TextCell())
    channel = Field("channel", "channel", TextCell(), default="")
    reason = Field("reason", "reason", TextCell(), default="manual")
    note = Field("note", "note", TextCell(), default="")

    class Meta:
        model = Suppression
        fields = ("address", "channel", "reason", "note", "until")
        import_id_fields = ("address", "channel")
        clean_model_instances = True
        use_transactions = True
        skip_unchanged = True
        report_skipped = True
        skip_diff = True  # it marks changes by style attributes, which the page's policy forbids

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Most lists are nothing but addresses."""
        headers = [str(name).strip().lower() for name in dataset.headers or []]
        dataset.headers = ["address" if name == "email" else name for name in headers]
        for name in {"channel", "reason"} - set(headers):
            dataset.append_col([""] * len(dataset), header=name)

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        address = str(row.get("address") or "").strip()
        if not address.startswith("hmac:"):
            try:
                address = clean_address(address)
            except ValidationError as error:
                told = _("“%s” is not an e-mail address.") % address
                raise ValidationError(f"{told} {error.messages[0]}") from None
        row["address"], row["channel"] = address, row.get("channel") or ""
        row["reason"] = row.get("reason") or Suppression.Reason.MANUAL
