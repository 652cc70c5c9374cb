"""What is compared: Django's own loop, smtp-source, and the site's whole path."""

import shutil
import subprocess
import time
from itertools import count

from bench.stand import Stand, wait_until

PATIENCE = 3600  # seconds


def plain_django(port: int, number: int) -> float:
    """Render, build and send each over one open connection, as Django documents it; mails/s."""
    from django.core.mail import EmailMultiAlternatives
    from django.core.mail.backends.smtp import EmailBackend

    templates = _templates()
    begun = time.monotonic()
    with EmailBackend(alias="plain", host="127.0.0.1", port=port, timeout=60) as mailer:
        for n in range(number):
            subject, text, html = (_render(one, f"Reader {n}") for one in templates)
            to = [f"Reader {n} <p{n}@example.com>"]
            mail = EmailMultiAlternatives(subject, text, "news@example.com", to)
            mail.attach_alternative(html, "text/html")
            mailer.send_messages([mail])
    return number / (time.monotonic() - begun)


def _templates():
    """The issue's subject, text and HTML as templates, compiled once."""
    from django.template import engines

    from mailroom.mail_frame import html_of
    from newsletters.models import Issue
    from newsletters.preview import preview

    issue = Issue.objects.order_by("pk").first()
    assert issue
    one = preview(issue, "NAME", "name@example.com")
    texts = (str(one.subject), str(one.body), html_of(one))
    return [engines["django"].from_string(text.replace("NAME", "{{ name }}")) for text in texts]


def _render(template, name: str) -> str:
    return template.render({"name": name})


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


def site(stand: Stand, number: int, workers: int) -> float:
    """Publish a copy of the issue, and wait until every row is sent; mails/s from click to end."""
    from mailroom.models import Delivery
    from newsletters.models import Issue

    issue = Issue.objects.order_by("pk").first()
    assert issue
    issue.pk, issue.slug = None, f"copy-{next(_copies)}"
    issue.state, issue.message, issue.published_at = Issue.State.DRAFT, None, None
    issue.save()
    for _ in range(workers):
        stand.start_worker()
    wait_until(lambda: _alive() >= workers, PATIENCE)
    begun = time.monotonic()
    issue.publish()
    issue.refresh_from_db()
    sent = Delivery.objects.filter(message=issue.message_id, state=Delivery.State.SENT)
    assert wait_until(lambda: sent.count() >= number, PATIENCE, every=0.05), "not all was sent"
    seconds = time.monotonic() - begun
    stand.ask_all_to_stop()
    return number / seconds


def _alive() -> int:
    from mailroom.models import WorkerBeat

    return WorkerBeat.alive().count()
