"""`enumeration`: do our pages tell who has an account, by their answer or by its time?"""

import argparse
import tempfile
from bisect import bisect_left, bisect_right
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from math import sqrt
from pathlib import Path
from statistics import median

from bench.enumeration.asking import FORMS, Answer, ask
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import Site

FOUND = 302  # each form answers so
GOAL = 0.03  # how far from 0.5 the AUC may be

PEOPLE = """
from accounts.models import User
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.utils import timezone
hash = make_password('correct-horse-41')
names = [f'known{{n}}@example.com' for n in range({number})]
User.objects.bulk_create(User(email=name, password=hash) for name in names)
EmailAddress.objects.bulk_create(
    EmailAddress(user=user, email=user.email, verified=True, primary=True)
    for user in User.objects.all()
)
from newsletters.models import Newsletter, Subscription
weekly = Newsletter.objects.create(name='Weekly', slug='weekly')
now = timezone.now()
Subscription.objects.bulk_create(
    Subscription(newsletter=weekly, email=name, state='confirmed', confirmed_at=now)
    for name in names
)
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("enumeration", help=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="of each kind")
    parser.add_argument("--states", nargs="+", default=("up", "down"), help="of the mail server")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare a known and an unknown address, mail server up and down; 1 where they differ."""
    told = False
    for state in options.states:
        with SMTPServer() if state == "up" else nullcontext() as server:
            port = server.port if server else closed_port()
            site = _site(port, options.requests)
            # All forms at a time: their answers wait most of it.
            with site.running(), ThreadPoolExecutor(len(FORMS)) as pool:
                runs = [
                    pool.submit(_interleaved, site.url, form, number, options.requests)
                    for number, form in enumerate(FORMS)
                ]
                for form, one in zip(FORMS, runs, strict=True):
                    known, unknown = one.result()
                    print(f"{form}, mail server {state}: {_times(known, unknown)}", flush=True)
                    for fault in _faults(known, unknown):
                        print(f"TELLS: {fault}")
                        told = True
    return 1 if told else 0


def _site(port: int, number: int) -> Site:
    folder = Path(tempfile.mkdtemp(prefix="mailroom-bench-"))
    site = Site(folder, MAILER_URL=f"smtp+plain://127.0.0.1:{port}", TRUSTED_PROXY_COUNT="1")
    site.set_up()
    site.manage("collectstatic", "--no-input", "-v0")
    site.shell(PEOPLE.format(number=number))
    return site


def _interleaved(
    url: str, form: str, number: int, requests: int
) -> tuple[list[Answer], list[Answer]]:
    """Known and unknown in turns, each as often first: what the machine does hits both alike."""
    known: list[Answer] = []
    unknown: list[Answer] = []
    for n in range(requests):
        ip = f"10.{number}.{n // 250}.{n % 250 + 1}"
        turns = [(known, f"known{n}@example.com"), (unknown, f"unknown{number}-{n}@example.com")]
        for answers, email in turns if n % 2 else reversed(turns):
            answers.append(ask(url, form, email, ip))
    return known, unknown


def _times(known: list[Answer], unknown: list[Answer]) -> str:
    area, error = auc([answer.seconds for answer in known], [answer.seconds for answer in unknown])
    medians = f"known {_milliseconds(known):.1f} ms, unknown {_milliseconds(unknown):.1f} ms"
    return f"{medians} (medians); AUC {area:.3f} ± {error:.3f} (standard error)"


def auc(some: list[float], others: list[float]) -> tuple[float, float]:
    """How well a time tells the two kinds apart, and its standard error.

    0.5: not at all; 0 or 1: always. The share of all pairs in which the first is larger (Mann and
    Whitney 1947), ties counting half; its error by Hanley and McNeil (1982).
    """
    ranked = sorted(others)
    wins = sum(
        bisect_left(ranked, one) + (bisect_right(ranked, one) - bisect_left(ranked, one)) / 2
        for one in some
    )
    m, n = len(some), len(others)
    area = wins / (m * n)
    larger = area / (2 - area) - area**2
    smaller = 2 * area**2 / (1 + area) - area**2
    variance = (area * (1 - area) + (m - 1) * larger + (n - 1) * smaller) / (m * n)
    return area, sqrt(max(variance, 0))


def _faults(known: list[Answer], unknown: list[Answer]) -> list[str]:
    faults = []
    if refused := [one.seen for one in [*known, *unknown] if one.seen[0] != FOUND]:
        faults.append(f"{len(refused)} were refused (a rate limit?), as {refused[0]}")
    if {answer.seen for answer in known} != {answer.seen for answer in unknown}:
        faults.append(f"{known[0].seen} against {unknown[0].seen}")
    area, error = auc([one.seconds for one in known], [one.seconds for one in unknown])
    if abs(area - 0.5) > GOAL + 2 * error:
        faults.append(f"the times tell them apart: AUC {area:.3f} ± {error:.3f}")
    return faults


def _milliseconds(answers: list[Answer]) -> float:
    return median(answer.seconds for answer in answers) * 1000
