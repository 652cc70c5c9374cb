"""A table in plain text."""

WIDEST = 72


def table(head: list[str], rows: list[list[str]]) -> str:
    """Columns side by side where they fit on a line, else row by row with the heads as labels."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=False)]
    if sum(widths) + 2 * (len(widths) - 1) <= WIDEST:
        return _columns([head, ["-" * width for width in widths], *rows], widths)
    return "\n\n".join(_labelled(head, row) for row in rows)


def _columns(rows: list[list[str]], widths: list[int]) -> str:
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )


def _labelled(head: list[str], row: list[str]) -> str:
    pairs = zip(head, row, strict=False)
    return "\n".join(f"{label}: {cell}" if label else cell for label, cell in pairs if cell)
