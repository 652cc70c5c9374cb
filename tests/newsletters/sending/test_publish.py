"""From draft to sent: everybody who should get it, once."""

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailroom.models import Delivery, Message
from newsletters.models import Issue, Subscription
from newsletters.sending import publish
from newsletters.signals import issue_published
from newsletters.subscribers import tokens

pytestmark = pytest.mark.usefixtures("outbox_mailers")


@pytest.fixture
def crowd(weekly) -> list[Subscription]:
    """200 confirmed, and some who must get nothing."""
    people = [("confirmed", f"reader{number}@example.com") for number in range(200)]
    people += [("pending", "pending@example.com"), ("unsubscribed", "left@example.com")]
    return Subscription.objects.bulk_create(
        Subscription(
            newsletter=weekly,
            email=email,
            name=email.partition("@")[0].title(),
            state=state,
            confirmed_at=timezone.now(),
        )
        for state, email in people
    )


def reload(issue: Issue) -> Issue:
    return Issue.objects.get(pk=issue.pk)


class TestPublishing:
    def test_two_hundred_people_get_a_mail_of_their_own(self, draft, crowd, drain):
        publish.publish(draft)
        drain()
        assert len(mail.outbox) == 200
        assert {message.to[0] for message in mail.outbox} == {
            f'"Reader{number}" <reader{number}@example.com>' for number in range(200)
        }
        for message in mail.outbox:
            name = message.to[0].split('"')[1]
            (html,) = [content for content, _ in message.alternatives]
            assert f"Hello {name}," in message.body
            assert f"Hello {name}," in html
        assert len({message.extra_headers["List-Unsubscribe"] for message in mail.outbox}) == 200

    def test_the_link_in_each_mail_lets_its_reader_out(self, client, draft, crowd, drain):
        publish.publish(draft)
        drain()
        message = next(m for m in mail.outbox if "reader7@" in m.to[0])
        link = message.extra_headers["List-Unsubscribe"].strip("<>")
        assert link.startswith("http://mailroom.test/newsletters/unsubscribe/")
        assert link in message.body
        client.post(link.removeprefix("http://mailroom.test"), {"List-Unsubscribe": "One-Click"})
        left = Subscription.objects.filter(state="unsubscribed").values_list("email", flat=True)
        assert set(left) == {"left@example.com", "reader7@example.com"}

    def test_a_notice_shows_the_title_as_readers_see_it(self, draft, subscribed, drain):
        from notifications.models import Notification

        ann = get_user_model().objects.create_user("ann@example.com")
        subscribed(ann.email)
        Issue.objects.filter(pk=draft.pk).update(subject="{name}, here are the news")
        draft.refresh_from_db()
        publish.publish(draft)
        drain()

        told = Notification.objects.get(recipient=ann, kind="new_issue")
        assert told.data["subject"] == "reader, here are the news"

    def test_the_content_is_frozen_once(self, draft, subscribed, drain):
        subscribed("ann@example.com")
        publish.publish(draft)

        assert Message.objects.count() == 1

    def test_a_row_that_cannot_be_built_is_no_bounce_of_the_list(self, draft, crowd, drain):
        publish.publish(draft)
        publish.queue_deliveries(draft)
        Delivery.objects.filter(address__contains="reader1").update(values={})
        drain()

        assert reload(draft).state == Issue.State.SENT
        assert Delivery.objects.filter(state="failed").count() == 111

    def test_twice_sends_once(self, draft, subscribed, drain):
        subscribed("ann@example.com")
        stale = reload(draft)
        assert publish.publish(draft)
        drain()
        assert not publish.publish(stale)
        drain()
        assert len(mail.outbox) == 1

    def test_marks_it_sent_at_the_end(self, draft, subscribed, drain):
        subscribed("ann@example.com")
        publish.publish(draft)
        assert reload(draft).state == Issue.State.SENDING
        drain()
        drain()
        assert reload(draft).state == Issue.State.SENT
        assert reload(draft).progress() == {"sent": 1}

    def test_without_readers_it_is_sent_too(self, draft, drain):
        publish.publish(draft)
        drain()
        drain()
        assert reload(draft).state == Issue.State.SENT

    def test_bad_content_stays_a_draft(self, draft, drain):
        Issue.objects.filter(pk=draft.pk).update(body="{nobody}")
        with pytest.raises(ValidationError, match="nobody"):
            publish.publish(draft)
        assert reload(draft).is_draft
        drain()
        assert not mail.outbox

    def test_what_is_stored_goes_out(self, draft, subscribed, drain):
        subscribed("ann@example.com")
        Issue.objects.filter(pk=draft.pk).update(subject="Newer")
        publish.publish(draft)
        drain()
        assert mail.outbox[0].subject == "Newer"

    def test_who_subscribes_later_waits_for_the_next(self, draft, subscribed, drain):
        publish.publish(draft)
        subscribed("late@example.com")
        drain()
        assert not mail.outbox

    def test_a_name_may_stand_in_the_subject(self, draft, subscribed, drain):
        subscribed("ann@example.com", "Ann & Bob")
        subscribed("nobody@example.com")
        Issue.objects.filter(pk=draft.pk).update(subject="{name}, hello")
        publish.publish(draft)
        drain()
        subjects = {message.subject for message in mail.outbox}
        assert subjects == {"Ann & Bob, hello", "reader, hello"}


class TestQueueing:
    def test_goes_on_where_it_was_interrupted(self, draft, crowd):
        publish.publish(draft)
        publish._queue_batch(draft, 50)
        assert reload(draft).progress() == {"queued": 50}
        publish.queue_deliveries(reload(draft))
        assert reload(draft).progress() == {"queued": 200}

    def test_a_lost_task_is_taken_up_by_the_clock(self, draft, crowd, drain):
        from django_ox.models import OxTask

        publish.publish(draft)
        OxTask.objects.all().delete()
        drain()
        drain()
        assert len(mail.outbox) == 200

    def test_twice_over_makes_no_second_delivery(self, draft, crowd):
        publish.publish(draft)
        publish.queue_deliveries(reload(draft))
        Issue.objects.filter(pk=draft.pk).update(queued_up_to=0, queued_at=None)
        publish.queue_deliveries(reload(draft))
        assert Delivery.objects.count() == 200

    def test_memory_is_bounded_by_batches(self, draft, crowd, monkeypatch):
        monkeypatch.setattr(publish, "LARGEST_BATCH", 50)
        monkeypatch.setattr(publish, "FIRST_BATCH", 25)
        publish.publish(draft)
        with CaptureQueriesContext(connection) as queries:
            publish.queue_deliveries(reload(draft))
        inserts = [one["sql"] for one in queries if 'INTO "mailroom_delivery"' in one["sql"]]
        assert len(inserts) == 5, "25, three times 50, and the rest"
        assert all("SELECT" in sql and len(sql) < 3000 for sql in inserts), "no row in Python"

    def test_who_left_meanwhile_is_skipped_with_the_reason(self, draft, subscribed, drain):
        ann, bob = subscribed("ann@example.com"), subscribed("bob@example.com")
        publish.publish(draft)
        publish.queue_deliveries(reload(draft))
        ann.unsubscribe()
        drain()
        assert [message.to for message in mail.outbox] == [["bob@example.com"]]
        skipped = Delivery.objects.get(address="ann@example.com")
        assert (skipped.state, skipped.reason) == ("skipped", "unsubscribed")
        assert bob.is_confirmed

    def test_whose_subscription_is_deleted_is_skipped(self, draft, subscribed, drain):
        ann = subscribed("ann@example.com")
        publish.publish(draft)
        publish.queue_deliveries(reload(draft))
        ann.delete()
        drain()
        assert Delivery.objects.get().state == "skipped"
        assert not mail.outbox


class TestTheSignal:
    @pytest.fixture
    def heard(self):
        calls: list[dict] = []

        def receiver(sender, **kwargs):
            calls.append(kwargs)

        issue_published.connect(receiver)
        yield calls
        issue_published.disconnect(receiver)

    def test_names_the_users_who_are_subscribed_once(self, draft, subscribed, drain, heard):
        users = get_user_model().objects
        ann = users.create_user("Ann@example.com", None)
        users.create_user("bob@example.com", None)
        subscribed("ann@example.com")
        subscribed("bob@example.com", state="pending")
        subscribed("guest@example.com")
        publish.publish(draft)
        drain()
        publish.queue_deliveries(reload(draft))
        (call,) = heard
        assert call["issue"] == draft
        assert list(call["recipients"]) == [ann]


class TestTheMail:
    @pytest.fixture
    def sent(self, draft, subscribed, drain):
        def send(name: str = "Ann", **content):
            self.reader = subscribed("ann@example.com", name)
            Issue.objects.filter(pk=draft.pk).update(**content)
            publish.publish(draft)
            drain()
            return mail.outbox[0]

        return send

    def test_headers_of_a_list(self, sent):
        headers = sent().message()
        token = tokens.member_token(self.reader.pk, Delivery.objects.get().pk)
        url = f"http://mailroom.test/newsletters/unsubscribe/{token}/"
        assert headers["List-Unsubscribe"] == f"<{url}>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert headers["List-Id"] == "<weekly.newsletters.mailroom.test>"
        assert headers["Precedence"] == "bulk"
        assert headers["Auto-Submitted"] is None

    def test_the_link_out_survives_the_folding_of_headers(self, sent):
        raw = sent().message().as_bytes().decode()
        line = raw.partition("List-Unsubscribe: ")[2].partition("\nList-")[0]
        token = tokens.member_token(self.reader.pk, Delivery.objects.get().pk)
        assert line.strip() == f"<http://mailroom.test/newsletters/unsubscribe/{token}/>"

    def test_a_hostile_name_stays_text(self, sent):
        message = sent(name='<script>alert(1)</script>"', body="Dear {name}")
        ((html, _),) = message.alternatives
        assert "Dear &lt;script&gt;" in html
        assert "<script" not in html
        assert 'Dear <script>alert(1)</script>"' in message.body

    def test_a_hostile_subject_stays_text(self, sent):
        message = sent(subject="<script>alert(1)</script>")
        assert message.subject == "<script>alert(1)</script>"
        assert "<script" not in message.alternatives[0].content

    @pytest.mark.parametrize("subject", ["x\nBcc: all@example.com", "x\r\nY: z", "x\u2028"])
    def test_line_ends_in_a_subject_are_refused(self, draft, subject):
        Issue.objects.filter(pk=draft.pk).update(subject=subject)
        with pytest.raises(ValidationError):
            publish.publish(draft)
        assert reload(draft).is_draft

    def test_nul_in_a_subject_is_refused(self, draft):
        draft.subject = "x\0"  # a database of PostgreSQL could not even hold it
        with pytest.raises(ValidationError):
            draft.full_clean()

    def test_greets_by_itself_where_the_body_does_not(self, sent):
        message = sent(body="Plain.")
        assert message.body.startswith("Hello Ann,\n\nPlain.")

    def test_speaks_the_language_of_the_newsletter(self, sent, weekly):
        weekly.language = "fr"
        weekly.save()
        assert '<html lang="fr"' in sent().alternatives[0].content
