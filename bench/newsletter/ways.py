"""What is compared: Django's own loop, smtp-source, and the site's whole path."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from django.core.mail import EmailMultiAlternatives

from bench.stand import Stand
from bench.waiting import wait_until

PATIENCE = 3600  # seconds


class Sending(NamedTuple):
    """How the site sent one issue: seconds from the click; the workers' memory in MiB at its peak,
    and the seconds of processor that they used."""

    mails: int
    click: float
    queued: float
    seconds: float
    peak: float
    cpu: float

    @property
    def rate(self) -> float:
        """Mails a second, from the click to the last row that is `sent`."""
        return self.mails / self.seconds


def plain_django(port: int, number: int) -> float:
    """Render, build and send each over one open connection, as Django documents it; mails/s."""
    from django.core.mail.backends.smtp import EmailBackend

    begun = time.monotonic()
    with EmailBackend(alias="plain", host="127.0.0.1", port=port, timeout=60) as mailer:
        for mail in mails(number):
            mailer.send_messages([mail])
    return number / (time.monotonic() - begun)


def mails(number: int) -> Iterator[EmailMultiAlternatives]:
    """The issue's mail to one reader after the other, from templates that were compiled once.

    It says to each what the site's own mail says: name, signed links, headers of a list.
    """
    from django.template import engines

    from mailroom.messages.merge_fields import SLOT, fill_slots
    from newsletters import emails
    from newsletters.models import Issue
    from newsletters.subscribers.tokens import member_token

    issue = Issue.objects.order_by("pk").first()
    assert issue
    one = emails.issue(issue)
    texts = (SLOT.sub(r"{{ \1 }}", str(text)) for text in (one.subject, one.body, one.html))
    templates = [engines["django"].from_string(text) for text in texts]
    language = issue.newsletter.language
    for n in range(number):
        values = emails.reader_values(member_token(n, n), f"Reader {n}", language)
        subject, text, html = (template.render(values) for template in templates)
        to, sender = [f"Reader {n} <p{n}@example.com>"], "news@example.com"
        headers = {name: fill_slots(value, values) for name, value in one.extra_headers.items()}
        mail = EmailMultiAlternatives(subject, text, sender, to, headers=headers)
        mail.attach_alternative(html, "text/html")
        yield mail


def smtp_source(port: int, number: int) -> float:
    """Postfix's load generator in C, 16 sessions, mails of the same size made once; mails/s."""
    program = shutil.which("smtp-source")
    assert program, "smtp-source comes with Debian's postfix"
    size = ["-s", "16", "-m", str(number), "-l", "26000"]
    ends = ["-f", "news@example.com", "-t", "reader@example.com", f"127.0.0.1:{port}"]
    begun = time.monotonic()
    subprocess.run([program, *size, *ends], check=True)
    return number / (time.monotonic() - begun)


_copies = count()


def site(stand: Stand, number: int, workers: int) -> Sending:
    """Publish a copy of the issue, and wait until every row is sent."""
    from django.db.models import Max
    from django.utils import timezone

    from mailroom.models import Delivery
    from newsletters.models import Issue
    from newsletters.sending.publish import publish

    issue = Issue.objects.order_by("pk").first()
    assert issue
    issue.pk, issue.slug = None, f"copy-{next(_copies)}"
    issue.state, issue.message, issue.published_at = Issue.State.DRAFT, None, None
    issue.save()
    for _ in range(workers):
        stand.start_worker()
    wait_until(lambda: _alive() >= workers or stand.died(), PATIENCE)
    idle, clicked, begun = stand.cpu_seconds(), timezone.now(), time.monotonic()
    publish(issue)
    click = time.monotonic() - begun
    issue.refresh_from_db()
    sent = Delivery.objects.filter(message=issue.message_id, state=Delivery.State.SENT)
    every = max(0.05, number / 200_000)
    wait_until(lambda: sent.count() >= number or stand.died(), PATIENCE, every=every)
    assert sent.count() == number, f"not everything was sent: see {stand.folder}/log.txt"
    last = sent.aggregate(last=Max("finished_at"))["last"]
    seconds = (last - clicked).total_seconds()  # however seldom it was looked
    wait_until(
        lambda: Issue.objects.get(pk=issue.pk).queued_at, PATIENCE
    )  # a short list is sent first
    issue.refresh_from_db()
    queued = (issue.queued_at - issue.published_at).total_seconds()
    peak = max(stand.peak_memory(worker) for worker in stand.workers)
    cpu = stand.cpu_seconds() - idle
    stand.ask_all_to_stop()
    return Sending(number, click, queued, seconds, peak, cpu)


def _alive() -> int:
    from mailroom.models import WorkerBeat

    return WorkerBeat.alive().count()
