"""Reading a CSV file of people, every fault with its line."""

import csv
from collections.abc import Iterator
from io import StringIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export.formats.base_formats import CSV
from tablib import Dataset

LINE = "line"  # a column of our own, so that later faults can name the line too
NAMES = {"e-mail": "email", "mail": "email", "email address": "email", "e-mail address": "email"}


class PeopleCSV(CSV):
    """import-export's CSV format, read by ourselves: it guesses neither encoding nor columns."""

    def is_binary(self) -> bool:
        return True  # bytes, so that the encoding can be judged here

    def get_read_mode(self) -> str:
        return "rb"

    def create_dataset(self, in_stream: bytes, **kwargs: object) -> Dataset:
        return read(in_stream)


def read(data: bytes) -> Dataset:
    """The rows of a file. Raises ValidationError with all faults of its form."""
    rows = _rows(_decode(data))
    headers = _headers(next(rows, (1, []))[1])
    dataset, faults = Dataset(headers=[*headers, LINE]), []
    for line, cells in rows:
        if len(cells) != len(headers):
            faults.append(_wrong_number(line, len(cells), len(headers)))
        elif any(cell.strip() for cell in cells):
            dataset.append([*(cell.strip() for cell in cells), line])
    if faults:
        raise ValidationError(faults)
    if not dataset:
        raise ValidationError(_("The file has no rows."))
    return dataset


def _decode(data: bytes) -> str:
    """UTF-8, with or without a mark. Anything else would turn names into rubbish: refused."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValidationError(
            _("Line %(line)s is not UTF-8. Save the file as “CSV UTF-8” and try again.")
            % {"line": line}
        ) from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        message = _("Line %(line)s: %(error)s.") % {"line": line, "error": error}
        raise ValidationError(message) from None


def _headers(cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    names = [NAMES.get(name, name) for name in names]
    if "email" not in names:
        raise ValidationError(
            _("The first line must name the columns, one of them “email”. It says: %(names)s.")
            % {"names": ", ".join(names) or "–"}
        )
    if len(set(names)) < len(names):
        raise ValidationError(_("The first line names a column twice."))
    return names


def _wrong_number(line: int, found: int, wanted: int) -> str:
    return _("Line %(line)s has %(found)s cells instead of %(wanted)s.") % {
        "line": line,
        "found": found,
        "wanted": wanted,
    }
