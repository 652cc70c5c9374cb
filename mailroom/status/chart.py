"""A bar chart drawn on the server: what the template needs to write it as SVG."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

HEIGHT = 60  # units of the drawing
STEP = 10  # from one bar to the next
CHART_STATES = ("sent", "failed", "uncertain")  # from the bottom up


class Part(NamedTuple):
    """A rectangle of a bar: the outcome it stands for, its place and its height."""

    state: str
    y: float
    height: float


class Bar(NamedTuple):
    """One hour: where it stands, its parts from the bottom up."""

    hour: datetime
    x: int
    parts: list[Part]


def bars(volumes: Mapping[datetime, Mapping[str, int]], hours: Sequence[datetime]) -> list[Bar]:
    """One bar an hour; the tallest fills the height. No mail, no parts."""
    tallest = max((sum(volumes.get(hour, {}).values()) for hour in hours), default=0) or 1
    return [
        Bar(hour, number * STEP, _parts(volumes.get(hour, {}), HEIGHT / tallest))
        for number, hour in enumerate(hours)
    ]


def _parts(counts: Mapping[str, int], scale: float) -> list[Part]:
    parts, top = [], float(HEIGHT)
    for state in CHART_STATES:
        if count := counts.get(state, 0):
            height = round(max(1.0, count * scale), 2)
            top -= height
            parts.append(Part(state, round(max(0.0, top), 2), height))
    return parts
