"""The two ways to send a newsletter that are compared: Django's own loop, and the site's."""

import time
from itertools import count

from bench.stand import Stand, wait_until

PATIENCE = 3600  # seconds


def plain_django(stand: Stand, number: int) -> float:
    """Build and send each mail over one open connection, as Django documents it; mails/s."""
    from django.core.mail import EmailMultiAlternatives
    from django.core.mail.backends.smtp import EmailBackend

    from mailroom.mail_frame import html_of
    from newsletters.models import Issue
    from newsletters.preview import preview

    issue = Issue.objects.order_by("pk").first()
    assert issue
    one = preview(issue, "NAME", "name@example.com")
    subject, text, html = str(one.subject), str(one.body), html_of(one)
    begun = time.monotonic()
    with EmailBackend(alias="plain", host="127.0.0.1", port=stand.port, timeout=10) as mailer:
        for n in range(number):
            name = f"Reader {n}"
            mail = EmailMultiAlternatives(
                subject.replace("NAME", name),
                text.replace("NAME", name),
                "news@example.com",
                [f"{name} <p{n}@example.com>"],
            )
            mail.attach_alternative(html.replace("NAME", name), "text/html")
            mailer.send_messages([mail])
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
    assert wait_until(lambda: sent.count() >= number, PATIENCE), "not everything was sent"
    seconds = time.monotonic() - begun
    stand.ask_all_to_stop()
    return number / seconds


def _alive() -> int:
    from mailroom.models import WorkerBeat

    return WorkerBeat.alive().count()
