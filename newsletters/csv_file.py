"""Reading a CSV file of people, a batch at a time, every fault with its line."""

import csv
import io
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from itertools import batched, islice
from typing import BinaryIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from tablib import Dataset

from mailroom.addresses import address_key

LINE = "line"  # a column of our own, so that later faults can name the line too
BATCH = 1000  # rows in memory at a time
LONGEST = 10_000  # characters of the first line
NAMES = {"e-mail": "email", "mail": "email", "email address": "email", "e-mail address": "email"}
OURS = ("email", "name", "language", "newsletter")

Columns = Mapping[str, int]  # which of the file's columns holds what, from 0


def header(file: BinaryIO) -> list[str]:
    """The names of the columns. Raises ValidationError for a file that is no CSV in UTF-8."""
    with closing(_rows(file)) as rows:
        return [cell.strip() for cell in next(rows, (1, []))[1]]


def examples(file: BinaryIO, number: int = 5) -> list[list[str]]:
    """The first rows below the header, as they are."""
    with closing(_rows(file)) as rows:
        return [cells for _line, cells in islice(rows, 1, number + 1)]


def guessed(names: list[str]) -> dict[str, int]:
    """The columns that say by their names what they hold."""
    known = [NAMES.get(name.lower(), name.lower()) for name in names]
    return {name: known.index(name) for name in OURS if name in known}


def columns_of(names: list[str]) -> dict[str, int]:
    """As `guessed`. Raises ValidationError where nobody could tell which column is which."""
    found = guessed(names)
    if "email" not in found:
        raise ValidationError(
            _("The first line must name the columns, one of them “email”. It says: %(names)s.")
            % {"names": ", ".join(names) or "–"}
        )
    if len({name.lower() for name in names}) < len(names):
        raise ValidationError(_("The first line names a column twice."))
    return found


class Batch:
    """Some rows of a file. number: how many, bad ones included; faults: those of their form."""

    def __init__(self, rows: tuple[tuple[int, list[str]], ...], width: int, columns: Columns):
        self.dataset, self.faults = Dataset(headers=[*columns, LINE]), list[str]()
        self.number = len(rows)
        for line, cells in rows:
            if len(cells) != width:
                self.faults.append(_wrong_number(line, len(cells), width))
            elif any(cell.strip() for cell in cells):
                own = {name: cells[place].strip() for name, place in columns.items()}
                own["email"] = address_key(own["email"])
                self.dataset.append([*own.values(), line])


def batches(file: BinaryIO, columns: Columns, *, skip: int = 0) -> Iterator[Batch]:
    """The rows of a file but the first `skip`. Raises ValidationError where it can't be read on."""
    with closing(_rows(file)) as rows:
        width = len(next(rows, (1, []))[1])
        for some in batched(islice(rows, skip, None), BATCH, strict=False):
            yield Batch(some, width, columns)


def _rows(file: BinaryIO) -> Generator[tuple[int, list[str]]]:
    """Line and cells of each row. UTF-8 alone: anything else would turn names into rubbish."""
    file.seek(0)
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    line = 1
    try:
        first = text.readline(LONGEST)
        text.seek(0)
        reader = csv.reader(text, delimiter=max(",;\t", key=first.count), strict=True)
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except UnicodeDecodeError:
        text.detach()
        raise ValidationError(
            _("Line %(line)s is not UTF-8. Save the file as “CSV UTF-8” and try again.")
            % {"line": _undecodable(file)}
        ) from None
    except csv.Error as error:
        message = _("Line %(line)s: %(error)s.") % {"line": line, "error": error}
        raise ValidationError(message) from None
    finally:
        if not file.closed:
            _let_go(text)


def _let_go(text: io.TextIOWrapper) -> None:
    """Or the wrapper would close the file of its caller."""
    try:
        text.detach()
    except ValueError:
        return  # done already


def _undecodable(file: BinaryIO) -> int:
    file.seek(0)
    for line, raw in enumerate(file, 1):
        try:
            raw.decode()
        except UnicodeDecodeError:
            return line
    return 1


def _wrong_number(line: int, found: int, wanted: int) -> str:
    return _("Line %(line)s has %(found)s cells instead of %(wanted)s.") % {
        "line": line,
        "found": found,
        "wanted": wanted,
    }
