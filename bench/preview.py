"""`preview`: the server's time to show 50 kB of an issue while it is typed; 1 above the limit."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.newsletter.content import POINTS, TABLE
from bench.stand import Stand

SIZE = 50_000  # characters of Markdown
LIMIT = 100  # milliseconds
PROSE = (
    "It had rained for three weeks, and the mail still came – nobody asked how. The bag was dry, "
    "the letters were sorted, and whoever stood at the door said *thank you* and meant it. Here’s "
    "a word about [the last issue]({web_url}), which **many** of you answered, and the next.\n\n"
)
PICTURE = "![The harbour at dawn](https://www.example.com/harbour.jpg)\n\n"
SECTION = "## News\n\n" + PROSE * 4 + POINTS + PICTURE + TABLE


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("preview", help=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--limit", type=int, default=LIMIT, help="milliseconds")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Post the form as the browser does, each time with another text, so that nothing is known."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-preview-"))
    (folder / "static").mkdir()
    with Stand(folder):
        frame, checks = (_spent(page, options.rounds) for page in ("frame", "checks"))
    shutil.rmtree(folder)
    print(f"{SIZE} characters of Markdown, {options.rounds} rounds, medians in ms")
    limit = options.limit
    print(
        f"the mail in its frame: {frame[0]:.0f} (limit {limit}), of which {frame[1]:.0f} computing"
    )
    print(f"the checks: {checks[0]:.0f}, of which {checks[1]:.0f} computing")
    return int(frame[0] > limit)


def _spent(page: str, rounds: int) -> tuple[float, float]:
    """By the clock, and by this process: they differ where others use the machine too."""
    from django.test import Client

    client, newsletter = Client(), _newsletter()
    client.force_login(_editor())
    text = (SECTION * (SIZE // len(SECTION) + 1))[: SIZE - 10]
    spent: list[tuple[float, float]] = []
    for number in range(rounds + 2):
        fields = {
            "newsletter": newsletter.pk,
            "subject": "News for {name}",
            "slug": "news",
            "body": f"{number:<10}{text}",
        }
        start = time.perf_counter(), time.process_time()
        answer = client.post(f"/admin/newsletters/issue/draft/{page}/", fields, headers=_HEADERS)
        end = time.perf_counter(), time.process_time()
        spent.append((end[0] - start[0], end[1] - start[1]))
        assert answer.status_code == 200, answer.content[:500]
    # The first ones load what every process loads once.
    clock, computing = (median(column) * 1000 for column in zip(*spent[2:], strict=True))
    return clock, computing


_HEADERS = {"host": "127.0.0.1"}


def _newsletter() -> Any:
    from newsletters.models import Newsletter

    return Newsletter.objects.get_or_create(name="The bench", slug="bench")[0]


def _editor() -> Any:
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    return users.filter(email="e@example.com").first() or users.create_superuser("e@example.com")
