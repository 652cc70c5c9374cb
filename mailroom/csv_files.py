"""CSV files from and for other programs: encodings, separators, cells that are no formulas."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection
SEPARATORS = ",;\t|"
CHUNK = 64 * 1024  # bytes
LARGEST_UPLOAD = 20_000_000  # bytes: some 400,000 people
SHOWN_PROBLEMS = 100  # beyond that nobody reads on
LONGEST_ROW = 50  # lines: a cell of more is a quotation mark that was never closed
# The mark of UTF-32 begins as that of UTF-16 does.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Row(NamedTuple):
    """line: where the row begins, from 1. problem: why it can't be read, else ""."""

    line: int
    cells: list[str]
    problem: str = ""


def read_rows(file: BinaryIO) -> Iterator[Row]:
    """Read the rows of a CSV file in whatever encoding and with whatever separator; no blank ones.

    A row that can't be read has its problem, and reading goes on with the line after it.
    """
    lines = _Lines(_text(file))
    separator = _separator(lines)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        lines.taken.clear()
        line, problem, cells = lines.number + 1, "", list[str]()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = str(error)
        if problem or len(lines.taken) > LONGEST_ROW:
            first = lines.take_back_all_but_the_first()
            reader = csv.reader(lines, delimiter=separator, strict=True)
            problem = problem or _("A quotation mark is never closed.")
            yield Row(line, [plain_text(first)], problem)
        elif any(cell.strip() for cell in cells):
            yield Row(line, [plain_text(cell) for cell in cells])


def _encoding(head: bytes) -> str:
    """Guess an encoding by its mark, or by NULs (UTF-16); all else is read as UTF-8."""
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    if head.count(0) > len(head) / 10:
        return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
    return "utf-8"


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are no UTF-8 as an older Windows wrote them."""
    assert isinstance(error, UnicodeDecodeError)
    if not error.encoding.startswith("utf-8"):
        return "\ufffd", error.end
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("mailroom.cp1252", _as_windows_1252)


def plain_text(cell: str) -> str:
    """The text of a cell, without the mark by which a spreadsheet is kept from calculating it.

    NUL becomes a replacement mark: PostgreSQL stores none.
    """
    cell = cell.replace("\0", "\ufffd").strip()
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA else cell


def safe_cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula; times as ISO 8601, to the second."""
    if isinstance(value, datetime):
        value = value.isoformat(timespec="seconds")
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_response(rows: Iterable[Iterable[Any]], file_name: str) -> StreamingHttpResponse:
    """Answer with a CSV file that is written while it is read from the database."""
    return StreamingHttpResponse(
        _written(rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def csv_line(cells: Iterable[Any]) -> str:
    """One line of a CSV file."""
    out = io.StringIO()
    csv.writer(out).writerow([safe_cell(cell) for cell in cells])
    return out.getvalue()


def without_rows(data: bytes, is_about: Callable[[str | bytes], bool]) -> bytes:
    """A CSV file with nothing in the rows of which a cell is about somebody.

    Such a row stays, with a mark: whoever has read some rows of a file goes on by their number. A
    file without any is left as it is; others become UTF-8 with commas.
    """
    if not is_about(data):
        return data
    lines = []
    for row in read_rows(io.BytesIO(data)):
        is_theirs = any(map(is_about, row.cells))
        lines.append(csv_line(["–"] + [""] * (len(row.cells) - 1) if is_theirs else row.cells))
    return "".join(lines).encode()


def _written(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    yield "\ufeff"  # or a spreadsheet takes it for something else than UTF-8
    for row in rows:
        yield csv_line(row)


class _Lines:
    """Lines of a text that can be given back, with their number."""

    def __init__(self, text: Iterator[str]) -> None:
        self.text, self.number = text, 0
        self.taken: list[str] = []
        self.back: deque[str] = deque()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.back.popleft() if self.back else next(self.text)
        self.number += 1
        self.taken.append(line)
        return line

    def take_back_all_but_the_first(self) -> str:
        first, *others = self.taken or [""]
        self.back.extendleft(reversed(others))
        self.number -= len(others)
        return first


def _text(file: BinaryIO) -> Iterator[str]:
    """The lines of a file. Bytes that no encoding knows become replacement marks."""
    file.seek(0)
    encoding = _encoding(file.read(CHUNK))
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, errors="mailroom.cp1252", newline="")
    try:
        for line in text:  # noqa: UP028  (to delegate would close the file when this is closed)
            yield line
    finally:
        text.detach()  # or the file of the caller would be closed with it


def _separator(lines: _Lines) -> str:
    """The separator that the first line names ("sep=;"), or that it has most of."""
    first = ""
    while not first.strip():
        first = next(lines, "eof")
    named = first.strip().lower().removeprefix('"').removesuffix('"')
    if named.startswith("sep=") and len(named) == 5:
        return named[-1]
    if first.strip().lower() == "sep=":  # a tab, stripped
        return "\t"
    if first != "eof":
        lines.back.append(first)
        lines.number -= 1
    outside = "".join(first.split('"')[::2])
    return max(SEPARATORS, key=outside.count)
