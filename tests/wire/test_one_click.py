"""Out by one click as a mailbox provider does it (RFC 8058), from a mail that arrived over SMTP."""

import re
from pathlib import Path

import requests

from tests.mailroom.fakes.proxy import TLSProxy
from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import Site, until

READERS = """
from django.utils import timezone
from newsletters.models import Issue, Newsletter, Subscription
from newsletters.sending.publish import publish
weekly = Newsletter.objects.create(name='Weekly', slug='weekly')
monthly = Newsletter.objects.create(name='Monthly', slug='monthly')
for number in range(2):
    for letter in (weekly, monthly):
        Subscription.objects.create(
            newsletter=letter, email=f'r{number}@reader.test', state='confirmed',
            confirmed_at=timezone.now())
issue = Issue.objects.create(newsletter=weekly, subject='First', slug='first', body='Hello')
publish(issue)
"""
STATES = """
SELECT n.slug, s.email, s.state FROM newsletters_subscription s
JOIN newsletters_newsletter n ON n.id = s.newsletter_id ORDER BY 1, 2
"""


def test_a_provider_leaves_for_its_reader(tmp_path: Path) -> None:
    with SMTPServer() as server, TLSProxy(tmp_path) as proxy:
        site = Site(tmp_path, MAILER_URL=f"smtp+plain://127.0.0.1:{server.port}")
        site.environment["PUBLIC_URL"] = proxy.url
        proxy.behind = site.port
        site.set_up()
        site.collect_static()
        site.shell(READERS)
        with site.running():
            until(lambda: len(server.received) == 2, "two mails")
            mails = {one.recipients[0]: one.mail for one in server.received}
            first, second = (_ways_out(mails[f"r{n}@reader.test"]) for n in range(2))
            assert all(link.startswith(proxy.url) for link in (first, second))

            for _ in range(10):
                for method in ("GET", "HEAD"):
                    scanned = requests.request(method, first, verify=proxy.certificate, timeout=30)
                    assert scanned.status_code == 200
            assert {state for _, _, state in site.sql(STATES)} == {"confirmed"}

            fields = {"List-Unsubscribe": "One-Click"}
            for _ in range(3):
                _post(proxy, first, data=fields)
                _post(proxy, second, files={name: (None, text) for name, text in fields.items()})
            broken = first.replace("/unsubscribe/", "/unsubscribe/x")
            assert (
                requests.post(
                    broken, fields, verify=proxy.certificate, timeout=30, allow_redirects=False
                ).status_code
                == 404
            )

    assert site.sql(STATES) == [
        ("monthly", "r0@reader.test", "confirmed"),
        ("monthly", "r1@reader.test", "confirmed"),
        ("weekly", "r0@reader.test", "unsubscribed"),
        ("weekly", "r1@reader.test", "unsubscribed"),
    ]


def _ways_out(mail) -> str:
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return re.fullmatch(r"<(https://[^>]+)>", mail["List-Unsubscribe"])[1]


def _post(proxy: TLSProxy, link: str, **content) -> None:
    """As a provider: no cookie, no token, and a redirect would be a failure."""
    answer = requests.post(
        link, **content, verify=proxy.certificate, timeout=30, allow_redirects=False
    )
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
