"""`enumeration`: do our pages tell who has an account, by their answer or by its time?"""

import argparse
import json
import tempfile
from bisect import bisect_left, bisect_right
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from math import sqrt
from pathlib import Path
from statistics import median

from bench.enumeration.asking import FORMS, SIGNED_UP, Answer, Asker
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import Site

FOUND = 302  # each form answers so
GOAL = 0.03  # how far from 0.5 the AUC may be

# With a hash of its own for no account: a thousand of them would take longer than the measuring.
PEOPLE = """
import json
from dataclasses import asdict
from datetime import timedelta
from accounts import pending
from accounts.models import User
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from newsletters.models import Newsletter, Subscription
hash, now, names = make_password('correct-horse-41'), timezone.now(), json.load(open('{names}'))
def accounts(emails, verified):
    users = User.objects.bulk_create(User(email=email, password=hash) for email in emails)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=verified, primary=True) for user in users
    )
accounts(names['known'], True)
accounts(names['waiting'], False)
weekly = Newsletter.objects.create(name='Weekly', slug='weekly')
Subscription.objects.bulk_create(
    Subscription(newsletter=weekly, email=name, state='confirmed', confirmed_at=now)
    for name in names['known']
)
def waiting(email):
    return pending.Waiting(email=email, name='Ned', password=hash, time_zone='UTC')
store = SessionStore()
keys = {{email: store._get_new_session_key() for email in names['signed_up']}}
Session.objects.bulk_create(
    Session(
        session_key=key,
        session_data=store.encode({{pending.KEY: asdict(waiting(email))}}),
        expire_date=now + timedelta(days=1),
    )
    for email, key in keys.items()
)
print(json.dumps(keys))
"""
CLIENTS = 3  # of each form: most of an answer is waiting for its step of time


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("enumeration", help=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="of each kind")
    parser.add_argument("--states", nargs="+", default=("up", "down"), help="of the mail server")
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare a known and an unknown address, mail server up and down; 1 where they differ."""
    told = False
    for state in options.states:
        with SMTPServer() if state == "up" else nullcontext() as server:
            site, sessions = _site(server.port if server else closed_port(), options.requests)
            with site.running(), ThreadPoolExecutor(CLIENTS * len(FORMS)) as pool:
                turns = [range(n, options.requests, CLIENTS) for n in range(CLIENTS)]
                runs = {
                    form: [
                        pool.submit(_interleaved, Asker(site.url, form, sessions), part)
                        for part in turns
                    ]
                    for form in options.forms
                }
                for form, parts in runs.items():
                    both = [one.result() for one in parts]
                    known = [answer for some, _others in both for answer in some]
                    unknown = [answer for _some, others in both for answer in others]
                    print(f"{form}, mail server {state}: {_times(known, unknown)}", flush=True)
                    for fault in _faults(known, unknown):
                        print(f"TELLS: {fault}")
                        told = True
    return 1 if told else 0


def _pair(form: str, n: int) -> tuple[str, str]:
    """An address that has an account and a subscription, and one of the same length without."""
    return f"known{n:05}@example.com", f"other{n:05}.{list(FORMS).index(form)}@example.com"


def _site(port: int, number: int) -> tuple[Site, dict[str, str]]:
    """A site, and the sessions of its sign-ups that wait."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-bench-"))
    site = Site(folder, MAILER_URL=f"smtp+plain://127.0.0.1:{port}", TRUSTED_PROXY_COUNT="1")
    site.set_up()
    site.collect_static()
    pairs = {form: [_pair(form, n) for n in range(number)] for form in FORMS}
    known = [one for one, _other in pairs["reset"]]
    signed_up = {
        before(one) for form, before in SIGNED_UP.items() for pair in pairs[form] for one in pair
    }
    names = {
        "known": known,
        "waiting": sorted(signed_up - {*known}),
        "signed_up": sorted(signed_up),
    }
    (folder / "names.json").write_text(json.dumps(names))  # too long for a command line
    return site, json.loads(site.shell(PEOPLE.format(names=folder / "names.json")))


def _interleaved(asker: Asker, part: range) -> tuple[list[Answer], list[Answer]]:
    """Known and unknown in turns, each as often first: what the machine does hits both alike."""
    known: list[Answer] = []
    unknown: list[Answer] = []
    for n in part:
        ip = f"10.{list(FORMS).index(asker.form)}.{n // 250}.{n % 250 + 1}"
        turns = list(zip((known, unknown), _pair(asker.form, n), strict=True))
        for answers, email in turns if n % 2 else reversed(turns):
            answers.append(asker.ask(email, ip))
    return known, unknown


def _times(known: list[Answer], unknown: list[Answer]) -> str:
    area, error = auc([answer.seconds for answer in known], [answer.seconds for answer in unknown])
    medians = f"known {_milliseconds(known):.1f} ms, unknown {_milliseconds(unknown):.1f} ms"
    return f"{medians} (medians); AUC {area:.3f} ± {error:.3f} (standard error)"


def auc(some: list[float], others: list[float]) -> tuple[float, float]:
    """How well a time tells the two kinds apart, and the standard error of two that are alike.

    0.5: not at all; 0 or 1: always. The share of all pairs in which the first is larger, ties
    counting half, and its error where both are of one distribution (Mann and Whitney 1947).
    """
    ranked = sorted(others)
    wins = sum(
        bisect_left(ranked, one) + (bisect_right(ranked, one) - bisect_left(ranked, one)) / 2
        for one in some
    )
    m, n = len(some), len(others)
    return wins / (m * n), sqrt((m + n + 1) / (12 * m * n))


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
