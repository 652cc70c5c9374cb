"""Suppressions from another system and into one: `address,channel,reason,note,until`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from mailroom.addresses import clean_address
from mailroom.config.channels import channels
from mailroom.csv_files import Row, read_rows
from mailroom.models import Suppression
from mailroom.models.queries import BATCH

CSV_COLUMNS = ("address", "channel", "reason", "note", "until")
_CALLED = {"email": "address", "email address": "address", "e-mail": "address", "mail": "address"}


@transaction.atomic
def import_suppressions(file: BinaryIO) -> tuple[Counter[str], list[str]]:
    """Add or change a suppression for each row; a row is known by its address and channel.

    Returns how many are "new" and "changed", and a sentence with its line for each row that was
    left out. A file of nothing but addresses needs no names of columns.
    """
    counts, problems = Counter[str](), list[str]()
    rows = read_rows(file)
    first = next(rows, None)
    if first is None:
        return counts, [_("The file has no rows.")]
    names = [_CALLED.get(name.lower(), name.lower()) for name in first.cells]
    if "address" not in names:
        names = ["address"]
        rows = _again(first, rows)
    for some in batched(rows, BATCH, strict=False):
        found: dict[tuple[str, str], Suppression] = {}
        for row in some:
            try:
                one = _suppression(row, dict(zip(names, row.cells, strict=False)))
            except ValidationError as error:
                details = {"line": row.line, "problem": " ".join(error.messages)}
                problems.append(_("Line %(line)s: %(problem)s") % details)
                continue
            found[one.address, one.channel] = one
        counts += _store(list(found.values()))
    return counts, problems


def exported(rows: QuerySet[Suppression]) -> Iterator[Sequence[Any]]:
    """The rows of a file that imports again."""
    yield CSV_COLUMNS
    yield from rows.order_by("pk").values_list(*CSV_COLUMNS).iterator(2000)


def _again(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _suppression(row: Row, cells: dict[str, str]) -> Suppression:
    if row.problem:
        raise ValidationError(row.problem)
    address, channel = cells.get("address", ""), cells.get("channel", "")
    if not address.startswith("hmac:"):
        try:
            address = clean_address(address)
        except ValidationError as error:
            text = _("“%s” is not an email address.") % address[:100]
            raise ValidationError(f"{text} {error.messages[0]}") from None
    if channel and channel not in channels():
        raise ValidationError(_("There is no channel “%s”.") % channel[:50])
    reason = cells.get("reason") or Suppression.Reason.MANUAL
    if reason not in Suppression.Reason:
        reasons = ", ".join(Suppression.Reason.values)
        text = _("The reason “%(reason)s” is not known. There are: %(reasons)s.")
        raise ValidationError(text % {"reason": reason[:50], "reasons": reasons})
    note = "".join(one for one in cells.get("note", "") if one != "\0")
    return Suppression(
        address=address, channel=channel, reason=reason, note=note, until=_until(cells)
    )


def _until(cells: dict[str, str]) -> datetime | None:
    text = cells.get("until", "")
    if not text:
        return None
    try:
        day = parse_date(text)
        until = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else parse_datetime(text)
    except ValueError:
        until = None
    if until is None:
        raise ValidationError(_("“%s” is not a date.") % text[:50])
    return until if until.tzinfo else until.replace(tzinfo=UTC)


def _store(rows: list[Suppression]) -> Counter[str]:
    """Two statements, however many rows."""
    addresses = [row.address for row in rows]
    stored = Suppression.objects.filter(address__in=addresses).values_list("address", "channel")
    known = set(stored)
    Suppression.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["address", "channel"],
        update_fields=["reason", "note", "until"],
    )
    changed = sum((row.address, row.channel) in known for row in rows)
    return +Counter({"new": len(rows) - changed, "changed": changed})
