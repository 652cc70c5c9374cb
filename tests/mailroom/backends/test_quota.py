"""Quotas: so many messages a day by one provider, over all processes, and what email costs."""

import re
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from bench.database import fresh
from mailroom.config.mailers import MailerTree
from mailroom.config.urls import MailerUrlError, parse
from mailroom.models import DailyCount, DailyLimit, Delivery, MailerHealth, OutcomeCount
from tests.mailroom.conftest import attempt, deliver, queue
from tests.mailroom.crash import DATABASE_URL
from tests.mailroom.fakes.ports import closed_port
from tests.mailroom.fakes.smtp import DROP, Script, SMTPServer
from tests.processes import Site, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def first():
    with SMTPServer() as server:
        yield server


@pytest.fixture
def second():
    with SMTPServer() as server:
        yield server


@pytest.fixture
def both(first, second):
    return first, second


def carried(first: SMTPServer, second: SMTPServer) -> tuple[int, int]:
    return len(first.received), len(second.received)


def queue_some(number: int) -> None:
    for place in range(number):
        queue(to=[f"{place}@example.com"])


def test_beyond_the_quota_email_goes_by_the_other_provider(carry_by, first, second, mailoutbox):
    carry_by(f"quota(3/day {first.url} {second.url})")
    queue_some(5)
    deliver()

    assert carried(first, second) == (3, 2)
    assert not Delivery.objects.exclude(state="sent").exists()
    assert mailoutbox == []  # nobody failed: no alert


def test_two_workers_keep_to_it_exactly(tmp_path, both):
    first, second = both
    with fresh(DATABASE_URL) as url:
        site = Site(tmp_path, DEBUG="1", MAILER_URL=f"quota(3/day {first.url} {second.url})")
        site.set_up()
        if url:  # of PostgreSQL
            site.environment["DATABASE_URL"] = url
            site.manage("migrate", "-v0")
        code = "from django.core.mail import EmailMessage\n"
        code += "for n in range(24): EmailMessage('Hi', 'Hi', to=[f'{n}@example.com']).send()"
        site.shell(code)
        with site.running(workers=2):
            until(lambda: sum(carried(*both)) == 24, "all to be sent")

    assert carried(*both) == (3, 21)


@pytest.mark.parametrize(
    ("zone", "times", "expected"),
    [
        ("", ["2026-03-01T23:30+00:00", "2026-03-02T00:30+00:00"], (2, 0)),
        ("", ["2026-03-01T00:30+00:00", "2026-03-01T23:30+00:00"], (1, 1)),
        ("&zone=America/New_York", ["2026-03-01T23:30+00:00", "2026-03-02T04:30+00:00"], (1, 1)),
        ("&zone=America/New_York", ["2026-03-02T04:30+00:00", "2026-03-02T05:30+00:00"], (2, 0)),
        # Days of 23 and of 25 hours.
        ("&zone=Europe/Paris", ["2026-03-28T23:30+00:00", "2026-03-29T21:30+00:00"], (1, 1)),
        ("&zone=Europe/Paris", ["2026-03-28T23:30+00:00", "2026-03-29T22:30+00:00"], (2, 0)),
        ("&zone=Europe/Paris", ["2026-10-24T22:30+00:00", "2026-10-25T22:30+00:00"], (1, 1)),
        ("&zone=Europe/Paris", ["2026-10-24T22:30+00:00", "2026-10-25T23:30+00:00"], (2, 0)),
    ],
)
def test_it_is_one_of_the_utc_day_or_of_the_zone_that_the_url_names(
    carry_by, both, zone, times, expected
):
    first, second = both
    carry_by(f"quota(1/day {first.url}{zone} {second.url})")
    for at in times:
        with time_machine.travel(datetime.fromisoformat(at), tick=False):
            queue()
            deliver()

    assert carried(first, second) == expected


def test_what_was_refused_takes_nothing_of_it(carry_by, second):
    with SMTPServer(Script(rcpt={"0@example.com": "550 no"})) as first:
        carry_by(f"quota(2/day {first.url} {second.url})")
        queue_some(2)
        deliver()
        queue(to=["9@example.com"])
        deliver()

        assert carried(first, second) == (2, 0)


def test_what_may_have_been_accepted_counts(carry_by, second):
    with SMTPServer(Script(content=DROP)) as first:
        carry_by(f"quota(1/day {first.url} {second.url})")
        doubtful = attempt("bulletin")
        queue()
        deliver()

        assert (doubtful.state, len(first.transactions)) == ("uncertain", 1)
    assert len(second.received) == 1


def test_a_failover_goes_on_where_a_quota_in_it_is_used_up(carry_by, first, second, mailoutbox):
    gone = f"smtp+plain://127.0.0.1:{closed_port()}"
    carry_by(f"failover(quota(1/day {first.url} {gone}) {second.url})")
    queue_some(3)
    deliver()

    assert carried(first, second) == (1, 2)
    assert not Delivery.objects.exclude(state="sent").exists()


def test_a_first_provider_that_is_down_takes_nothing_of_it(carry_by, second):
    carry_by(f"quota(3/day smtp+plain://127.0.0.1:{closed_port()} {second.url})")
    queue_some(3)
    deliver()

    assert len(second.received) == 3
    assert sum(DailyCount.objects.values_list("number", flat=True)) == 0


def test_email_waits_where_the_quota_is_used_up_and_the_other_provider_is_down(carry_by, first):
    carry_by(f"quota(1/day {first.url} smtp+plain://127.0.0.1:{closed_port()})")
    queue_some(5)
    deliver()

    assert len(first.received) == 1
    assert Delivery.objects.queued().count() == 4
    assert Delivery.objects.exclude(attempts=0).count() <= 3
    assert MailerHealth.objects.filter(failures__gt=0).count() == 1


def test_routes_with_the_same_first_provider_share_its_count(carry_by, settings, first, second):
    carry_by(f"quota(3/day {first.url} quota(5/day {second.url} console:))")
    tree = MailerTree()
    via = tree.add(parse(f"quota(3/day {first.url} {second.url})"))
    settings.MAILERS |= tree.mailers
    settings.MAILERS["bulletin"]["OPTIONS"]["via"] = via
    queue_some(2)
    queue("bulletin", to=["x@example.com"])
    queue("bulletin", to=["y@example.com"])
    deliver()

    assert carried(first, second) == (3, 1)


@pytest.mark.parametrize(
    "url",
    [
        "quota(300 a: b:)",
        "quota(0/day console: console:)",
        "quota(300/hour console: console:)",
        "quota(-3/day console: console:)",
        "quota(300/day console:)",
        "quota(300/day console: console: console:)",
        "quota(300/day console: console:",
        "quota()",
        "postmark://T?cost=cheap",
        "postmark://T?cost=-1/1000",
        "postmark://T?cost=0.40/0",
        "postmark://T?cost=",
        "postmark://T?cost=nan",
        "postmark://T?zone=Europe/Atlantis",
    ],
)
def test_faults_in_the_url_are_named(url):
    with pytest.raises(MailerUrlError, match=r"quota|cost|zone"):
        parse(url)


def test_the_count_of_a_day_stays_what_it_is_where_yesterdays_email_is_refused(db):
    limit, today = DailyLimit("quota:first", 5), timezone.now().date()
    yesterday = today - timedelta(days=1)
    limit.take(4, yesterday)
    limit.take(2, today)

    limit.give_back(3, yesterday)
    limit.give_back(3, today)  # more than was taken

    assert dict(DailyCount.objects.values_list("day", "number")) == {yesterday: 1, today: 2}


def test_long_names_of_hosts_make_aliases_that_columns_can_hold():
    tree = MailerTree()
    hosts = [f"smtp://{'x' * 60}.example-of-a-very-long-name.{n}.example.com" for n in "abcde"]
    routes = [f"quota(3/day failover({' '.join(hosts[:4])}) {one})" for one in hosts]
    aliases = {tree.add(parse(route)) for route in [*routes, f"smtp://{'y.' * 100}example"]}

    assert len(aliases) == 6
    assert max(map(len, tree.mailers)) <= 160


def test_what_is_ours_is_not_passed_to_the_backend():
    tree = MailerTree()
    url = "quota(300/day postmark://T?cost=0.40/1000&zone=Europe/Paris ses://?cost=0.0001)"
    alias = tree.add(parse(url))

    assert tree.mailers[alias]["OPTIONS"] == {
        "via": ["postmark", "ses"],
        "number": 300,
        "zone": "Europe/Paris",
    }
    assert tree.costs == {"postmark": Decimal("0.0004"), "ses": Decimal("0.0001")}
    assert not {"cost", "zone"} & tree.mailers["postmark"]["OPTIONS"].keys()
    assert tree.add(parse("postmark://T")) == "postmark"


def test_the_status_page_shows_what_the_month_has_cost(carry_by, settings, admin_client, first):
    carry_by(f"{first.url}&cost=0.40/1000")
    tree = MailerTree()
    alias = tree.add(parse(f"{first.url}&cost=0.40/1000"))
    settings.MAILER_COSTS = tree.costs
    now = timezone.now().replace(day=15)
    key = ("bulletin", alias, "sent")
    OutcomeCount.add({key: 12_000, ("letters", "other", "sent"): 7}, at=now)
    OutcomeCount.add({key: 30_000}, at=now - timedelta(days=40))

    page = " ".join(re.sub(r"<[^>]+>", " ", admin_client.get("/mail/status/").text).split())

    assert f"Cost this month Channel Provider Sent Cost bulletin {alias} 12,000 4.80" in page
