"""Cells of files that people open in a spreadsheet."""

from typing import Any

from import_export.widgets import CharWidget

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection


class TextCell(CharWidget):
    """Text that no spreadsheet takes for a formula."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        text = str(super().render(value, obj, **kwargs) or "")
        return f"'{text}" if text.startswith(FORMULA) else text

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = str(super().clean(value, row, **kwargs) or "")
        return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text
