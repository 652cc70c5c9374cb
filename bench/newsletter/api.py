"""`api`: a newsletter through a provider's API that answers after 100 ms, against a call a mail."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.newsletter import ways
from bench.newsletter.content import subscribe
from bench.newsletter.told import tell
from bench.stand import Stand, end
from tests.services import free_port, wait_for_port

KEYS = "region_name=eu-west-1&aws_access_key_id=x&aws_secret_access_key=x"
URLS = {
    "mailgun": "mailgun://KEY@mail.example.com?api_url=http://127.0.0.1:{port}/",
    "ses": "ses://?" + KEYS + "&endpoint_url=http://127.0.0.1:{port}",
}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("api", help=__doc__)
    parser.add_argument("provider", choices=list(URLS))
    parser.add_argument("--recipients", type=int, default=5000)
    parser.add_argument("--plain", type=int, default=50, help="mails of plain Anymail a round")
    parser.add_argument("--delay", type=float, default=100, help="ms until the API answers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Both ways alternately, in one run; the medians and their ratio."""
    folder = Path(tempfile.mkdtemp(prefix="mailroom-api-"))
    port = free_port()
    with Stand(folder, lease=60, mailer_url=URLS[options.provider].format(port=port)) as stand:
        told = ["--port", str(port), "--delay", str(options.delay / 1000)]
        server = stand.start("bench/slow_api.py", *told)
        wait_for_port(port)
        subscribe(options.recipients)
        plain, site = [], []
        for _ in range(options.rounds):
            plain.append(a_call_a_mail(options.plain))
            site.append(ways.site(stand, options.recipients, workers=1).rate)
        end(server)
    shutil.rmtree(folder)
    found = {
        "provider": options.provider,
        "recipients": options.recipients,
        "delay in ms": options.delay,
        "a call a mail, a second": round(median(plain), 2),
        "site a second": round(median(site), 1),
        "ratio": round(median(site) / median(plain), 1),
    }
    tell(found, as_json=options.json)
    return 0


def a_call_a_mail(number: int) -> float:
    """Anymail's backend, opened once, with one message after the other; mails/s."""
    from django.conf import settings
    from django.core.mail import mailers

    (alias,) = settings.MAILER_URLS
    begun = time.monotonic()
    with mailers[alias] as mailer:
        for mail in ways.mails(number):
            mailer.send_messages([mail])
    return number / (time.monotonic() - begun)
