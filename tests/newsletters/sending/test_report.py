"""What became of an issue: figures that agree with the rows, lists to search, a file to keep."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom.delivery import engine
from mailroom.models import Delivery, Event
from newsletters.models import Issue, Subscription
from newsletters.sending import controls, publish, report
from newsletters.sending.report import MOST_BARS
from tests.mailroom.fakes.smtp import Script, SMTPServer

pytestmark = pytest.mark.usefixtures("outbox_mailers")

State, Feedback = Delivery.State, Delivery.Feedback
OUTCOMES = [
    ("ann@example.com", State.SENT, Feedback.DELIVERED, ""),
    ("bob@example.com", State.SENT, Feedback.BOUNCED, ""),
    ("cy@example.com", State.SENT, Feedback.COMPLAINED, ""),
    ("dot@example.com", State.SENT, "", ""),
    ("eve@example.com", State.FAILED, "", ""),
    ("fay@example.com", State.UNCERTAIN, "", ""),
    ("gus@example.com", State.UNCERTAIN, "", ""),
    ("hal@example.com", State.SKIPPED, "", "suppressed"),
]


@pytest.fixture
def issue(draft, subscribed) -> Issue:
    for address, *_ in OUTCOMES:
        subscribed(address, "=1+1")
    publish.publish(draft)
    draft.refresh_from_db()
    publish.queue_deliveries(draft)
    for address, state, feedback, reason in OUTCOMES:
        Delivery.objects.filter(address=address).update(
            state=state, feedback=feedback, reason=reason, finished_at=timezone.now()
        )
    left = Delivery.objects.get(address="dot@example.com")
    Subscription.objects.get(email="dot@example.com").unsubscribe(delivery=left)
    publish.finish()
    draft.refresh_from_db()
    return draft


@pytest.fixture
def page(issue) -> str:
    return f"/admin/newsletters/issue/{issue.pk}/"


def state_of(address: str) -> str:
    return Delivery.objects.get(address=address).state


class TestFigures:
    def test_agree_with_the_rows(self, issue):
        figures = {key: number for key, _, number, _ in report.IssueReport(issue).figures}
        assert figures == {
            "sent": 4,
            "delivered": 1,
            "bounced": 1,
            "complained": 1,
            "unsubscribed": 1,
            "failed": 1,
            "uncertain": 2,
            "skipped": 1,
            "queued": 0,
        }

    def test_who_was_skipped_has_a_reason(self, desk, page):
        assert "Skipped: 1 suppressed" in desk.get(f"{page}report/").text

    def test_says_that_readers_are_not_watched(self, desk, page, settings):
        assert "Opens and clicks are not recorded" in desk.get(f"{page}report/").text
        settings.NEWSLETTER_TRACKING = ["opens"]
        assert "records opens; the newsletter’s footer says so" in desk.get(f"{page}report/").text

    def test_reasons_are_in_the_reader_s_language(self, desk, page, settings):
        settings.NEWSLETTER_TRACKING = ["clicks"]
        desk.cookies["django_language"] = "pa"
        text = desk.get(f"{page}report/").text
        assert "1 ਰੋਕ ਹੇਠ" in text
        assert "<td>ਰੋਕ ਹੇਠ</td>" in text
        assert "ਕਲਿੱਕ ਦਰਜ" in text
        deliveries = desk.get("/admin/mailroom/delivery/").text
        assert "ਛੱਡੀ ਗਈ: ਰੋਕ ਹੇਠ" in deliveries

    def test_a_chart_and_the_same_in_numbers(self, desk, page):
        text = desk.get(f"{page}report/").text
        assert 'class="report-chart"' in text
        assert "one bar per minute" in text
        assert "<td>4</td><td>1</td><td>2</td>" in text

    def test_shares_are_of_what_arrived(self, issue):
        shares = {key: part for key, _, _, part in report.IssueReport(issue).figures}
        assert shares["delivered"] == shares["bounced"] == 25  # of 4 accepted
        assert shares["complained"] == 50  # of 2 that arrived, with the one that complained

    def test_bounces_are_counted_by_reason(self, issue, desk, page):
        bounced = Delivery.objects.get(feedback=Delivery.Feedback.BOUNCED)
        Event.objects.filter(delivery=bounced).delete()
        assert report.IssueReport(issue).bounces == [("no reason given", 1)]
        for number, words in enumerate(["451 4.2.2 over quota", "550 5.1.1 no such user"]):
            Event.objects.create(
                provider="a", event_id=str(number), delivery=bounced, description=words,
                kind=Event.Kind.HARD_BOUNCE,
            )  # fmt: skip
        assert report.IssueReport(issue).bounces == [("address does not exist", 1)]
        assert "Bounces by reason" in desk.get(f"{page}report/").text

    @pytest.mark.parametrize(
        "reply",
        [
            "550 5.1.1 no such user",
            "550 5.1.6 has moved",
            "556 5.1.10 null MX",
            "550 user unknown",
        ],
    )
    def test_a_refused_recipient_is_a_bounce_and_gets_no_other_issue(
        self, draft, weekly, subscribed, settings, reply
    ):
        subscribed("gone@example.com")
        subscribed("ann@example.com")
        second = Issue.objects.create(newsletter=weekly, subject="Next", slug="2", body="More.")
        with SMTPServer(Script(rcpt={"gone@example.com": reply})) as server:
            options = {"host": "127.0.0.1", "port": server.port, "timeout": 20}
            settings.MAILERS["memory"] = {
                "BACKEND": "mailroom.backends.smtp.EmailBackend",
                "OPTIONS": options,
            }
            for issue in (draft, second):
                publish.publish(issue)
                publish.queue_deliveries(Issue.objects.get(pk=issue.pk))
                engine.deliver_due("newsletters")
            asked = server.transactions

        figures = {key: number for key, _, number, _ in report.IssueReport(draft).figures}
        assert (figures["failed"], figures["bounced"]) == (1, 1)
        assert [number for _reason, number in report.IssueReport(draft).bounces] == [1]
        gone = Delivery.objects.filter(address="gone@example.com").order_by("pk")
        assert [one.state for one in gone] == [State.FAILED, State.SKIPPED]
        assert gone.last().reason == "suppressed"
        assert asked.count(["gone@example.com"]) == 1

    def test_what_needs_attention_stands_first(self, desk, page, issue):
        rows = report.recipients(issue, "attention")
        kinds = {(one.state, one.feedback) for one in rows}
        assert all(s in ("failed", "uncertain") or f in ("bounced", "complained") for s, f in kinds)
        assert rows.count() == 5
        text = desk.get(f"{page}report/").text
        assert text.index("Need attention") < text.index("All recipients")
        assert "Need attention" not in desk.get(f"{page}report/?show=sent").text

    def test_the_chart_has_a_scale(self, desk, page):
        assert "Top of the scale: 7 emails" in desk.get(f"{page}report/").text

    def test_a_draft_has_an_empty_one(self, desk, draft):
        assert "No recipients." in desk.get(f"/admin/newsletters/issue/{draft.pk}/report/").text

    @pytest.mark.parametrize(("days", "unit"), [(0, "minute"), (1, "hour"), (9, "day")])
    def test_bars_fit_the_time_it_took(self, issue, days, unit):
        first = Delivery.objects.filter(address="ann@example.com")
        first.update(finished_at=timezone.now() - timedelta(days=days))
        chart = report.IssueReport(issue).chart
        assert chart.unit == unit
        assert len(chart.bars) <= MOST_BARS


class TestRecipients:
    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ({}, [one for one, *_ in OUTCOMES]),
            ({"show": "uncertain"}, ["fay@example.com", "gus@example.com"]),
            ({"show": "bounced"}, ["bob@example.com"]),
            ({"show": "unsubscribed"}, ["dot@example.com"]),
            ({"search": "A"}, [one for one, *_ in OUTCOMES]),
            ({"search": "Y@"}, ["cy@example.com", "fay@example.com"]),
            ({"show": "sent", "search": "O"}, [one for one, *_ in OUTCOMES[:4]]),
            ({"show": "nonsense", "search": "eve"}, ["eve@example.com"]),
        ],
    )
    def test_by_state_and_by_address(self, issue, query, shown):
        found = [one.address for one in report.recipients(issue, **query)]
        assert found == shown

    def test_each_is_on_one_page_only(self, desk, page, monkeypatch):
        monkeypatch.setattr(report, "DELIVERIES_A_PAGE", 3)
        address, seen = f"{page}report/", []
        while address:
            response = desk.get(address)
            seen += [one.address for one in response.context["people"]]
            after = response.context["after"]
            address = f"{page}report/?{after}" if after else ""
        assert seen == [one for one, *_ in OUTCOMES]

    def test_as_a_file_that_no_spreadsheet_calculates(self, desk, page):
        response = desk.get(f"{page}recipients/?show=sent")
        assert response.streaming
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        head, *rows = csv.reader(StringIO(text))
        assert head[:3] == ["address", "name", "state"]
        assert rows[0][:3] == ["ann@example.com", "'=1+1", "sent"]
        assert len(rows) == 4

    def test_is_for_those_who_may_see_issues(self, client, page, django_user_model):
        clerk = django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        client.force_login(clerk)
        for name in ("report", "recipients"):
            assert client.get(f"{page}{name}/").status_code == 403


class TestUncertain:
    def one(self) -> int:
        return Delivery.objects.get(address="fay@example.com").pk

    def test_one_counts_as_sent(self, desk, page, issue):
        desk.post(f"{page}count-as-sent/", {"delivery": self.one()})
        assert state_of("fay@example.com") == "sent"
        assert state_of("gus@example.com") == "uncertain"
        assert issue.history.first().note == "1 email was marked as sent."

    def test_all_are_sent_again(self, desk, page, issue, drain):
        desk.post(f"{page}send-again/", {"all": "1"})
        issue.refresh_from_db()
        assert issue.state == "sending"
        drain()
        drain()
        issue.refresh_from_db()
        assert (state_of("fay@example.com"), state_of("gus@example.com")) == ("sent", "sent")
        assert (state_of("eve@example.com"), issue.state) == ("failed", "sent")

    @pytest.mark.parametrize("step", ["count-as-sent", "send-again"])
    def test_nobody_chosen_is_nobody(self, desk, page, step):
        desk.post(f"{page}{step}/", {"delivery": ["x", ""]})
        assert state_of("fay@example.com") == "uncertain"

    @pytest.mark.parametrize("step", ["count-as-sent", "send-again"])
    def test_a_second_press_does_no_harm(self, desk, page, step):
        desk.post(f"{page}{step}/", {"all": "1"})
        assert "0 emails" in desk.post(f"{page}{step}/", {"all": "1"}, follow=True).text

    def test_mails_of_other_messages_are_left_alone(self, desk, page, draft, issue):
        other = Delivery.objects.get(address="gus@example.com")
        elsewhere = Delivery.objects.get(address="fay@example.com")
        message = other.message
        message.pk, message.uid = None, "0" * 32
        message.save()
        Delivery.objects.filter(pk=elsewhere.pk).update(message=message)
        desk.post(f"{page}send-again/", {"delivery": elsewhere.pk})
        assert state_of("fay@example.com") == "uncertain"

    def test_is_not_for_writers(self, client, page, writer):
        client.force_login(writer)
        for step in ("count-as-sent", "send-again"):
            assert client.post(f"{page}{step}/", {"all": "1"}).status_code == 403
        assert "formaction" not in client.get(f"{page}report/").text

    def test_nothing_is_sent_again_of_what_was_cancelled(self, issue):
        Issue.objects.update(state="cancelled")
        assert controls.send_uncertain_again(issue) == 0


class TestSize:
    """As many queries at 20 recipients as at 2,000; each is served by an index."""

    def more(self, issue: Issue, number: int) -> None:
        Delivery.objects.bulk_create(
            Delivery(
                message=issue.message,
                channel="newsletters",
                address=f"reader{number:06}@example.org",
                state=State.SENT,
                finished_at=timezone.now(),
            )
            for number in range(number)
        )

    @pytest.mark.parametrize("name", ["change", "report", "progress"])
    def test_the_number_of_queries_stays(self, desk, page, issue, name):
        ContentType.objects.clear_cache()
        desk.get(f"{page}{name}/")
        with CaptureQueriesContext(connection) as few:
            desk.get(f"{page}{name}/")
        self.more(issue, 2000)
        with CaptureQueriesContext(connection) as many:
            desk.get(f"{page}{name}/")
        assert len(few) == len(many)

    def test_the_list_of_issues_asks_nothing_about_deliveries(self, desk, issue):
        with CaptureQueriesContext(connection) as asked:
            desk.get("/admin/newsletters/issue/")
        assert [one for one in asked if "mailroom_delivery" in one["sql"]] == []

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="its plan has other words")
    def test_a_page_of_recipients_is_read_along_an_index(self, issue):
        rows = report.recipients(issue).filter(key__gt="b")[: report.DELIVERIES_A_PAGE]
        plan = rows.explain()
        assert "(message_id=? AND <expr>>?)" in plan
        assert "TEMP B-TREE" not in plan


class TestWhatWasSent:
    def test_stays_as_it_was_when_the_templates_change(self, desk, page, issue, settings, tmp_path):
        before = desk.get(f"{page}frame/").text
        (tmp_path / "emails/newsletters").mkdir(parents=True)
        changed = "{% extends 'emails/base.html' %}{% block subject %}X{% endblock %}"
        (tmp_path / "emails/newsletters/issue.html").write_text(changed)
        engine = settings.TEMPLATES[0]
        settings.TEMPLATES = [{**engine, "DIRS": [tmp_path, *engine["DIRS"]]}]
        assert desk.get(f"{page}frame/").text == before


class TestTracking:
    def test_readers_are_told_in_the_mail_and_where_they_subscribe(
        self, settings, draft, weekly, client
    ):
        settings.NEWSLETTER_TRACKING = ["opens", "clicks"]
        publish.publish(draft)
        draft.refresh_from_db()
        told = "We record when this newsletter is opened and which of its links are used."
        assert told in draft.message.body
        assert draft.message.content["extras"] == {"track_opens": True, "track_clicks": True}
        assert told in client.get(weekly.get_absolute_url()).text

    def test_by_default_nothing_is_recorded(self, draft, weekly, client):
        publish.publish(draft)
        draft.refresh_from_db()
        assert "extras" not in draft.message.content
        assert "We record" not in draft.message.body
