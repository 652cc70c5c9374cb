"""What providers post: verified, read, and taken once."""

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from mailroom.delivery.feedback import handle_waiting
from mailroom.models import Event, Suppression
from mailroom.webhooks import signatures
from mailroom.webhooks.providers import SOURCES, webhook_faults
from tests.mailroom.fakes import webhooks
from tests.mailroom.fakes.webhooks import PROVIDERS, SIGNED, Told
from tests.mailroom.webhooks.conftest import feedback, send, stopped

pytestmark = pytest.mark.django_db

PEM = f"SimpleNotificationService-{'0a' * 16}.pem"


@pytest.mark.parametrize("provider", PROVIDERS)
class TestEachProvider:
    def test_delivered(self, provider, tell, delivery):
        assert tell(provider, "delivered") == 200
        assert feedback(delivery) == "delivered"
        assert stopped() == []

    def test_a_hard_bounce_stops_all_mail(self, provider, tell, delivery):
        assert tell(provider, "hard") == 200
        assert feedback(delivery) == "bounced"
        assert stopped() == [("bounced", "")]

    def test_a_soft_bounce_stops_nothing(self, provider, tell, delivery):
        assert tell(provider, "soft") == 200
        assert feedback(delivery) == "bounced"
        assert stopped() == []

    def test_a_complaint_stops_the_stream_it_is_about(self, provider, tell, delivery):
        assert tell(provider, "complaint") == 200
        assert feedback(delivery) == "complained"
        assert stopped() == [("complained", "bulletin")]

    def test_an_event_counts_once_however_often_it_is_posted(self, provider, tell, delivery):
        assert {tell(provider, "hard") for _ in range(5)} == {200}
        handle_waiting()
        assert Event.objects.count() == 1
        assert Suppression.objects.count() == 1

    def test_an_old_time_stamp_changes_nothing(self, provider, tell, delivery):
        assert tell(provider, "hard", at=datetime.now(UTC) - timedelta(days=3)) == 200
        assert feedback(delivery) == "bounced"

    def test_a_wrong_secret_is_refused(self, provider, tell, settings):
        wrong = base64.b64encode(b"another key").decode()
        key = f"whsec_{wrong}" if provider == "resend" else "another:key"
        assert tell(provider, "hard", key=key) in {400, 401}
        assert not Event.objects.exists()

    def test_both_keys_are_good_while_one_is_changed(self, provider, tell, settings):
        settings.WEBHOOK_SECRETS = ["new:secret", webhooks.BASIC]
        new = "whsec_" + base64.b64encode(b"new").decode() if provider == "resend" else "new-key"
        settings.WEBHOOK_KEYS = {name: [new, key] for name, key in SIGNED.items()}
        newest = new if provider in SIGNED else "new:secret"
        assert tell(provider, "delivered", id="with-old") == 200
        assert tell(provider, "delivered", id="with-the-new", key=newest) == 200
        assert Event.objects.count() >= 1

    def test_without_any_secret_nothing_is_believed(self, provider, tell, settings):
        settings.WEBHOOK_SECRETS, settings.WEBHOOK_KEYS = [], {}
        assert tell(provider, "hard") == 400
        assert not Event.objects.exists()

    def test_what_nobody_can_read_is_refused(self, provider, client):
        made = webhooks.post(provider, Told("hard", 1))
        assert send(client, provider, made._replace(body=b"[1")).status_code == 400

    def test_a_body_nested_without_end_is_refused(self, provider, client):
        made = webhooks.post(provider, Told("hard", 1))
        assert send(client, provider, made._replace(body=b"[" * 20_000)).status_code == 400


MALFORMED = {
    "brackets one in the other": b"[" * 20_000,
    "objects one in the other": b'{"a":' * 20_000,
    "no JSON": b"\xff\xfe",
    "no body": b"",
    "too large": b"[" + b" " * 3_000_000,
    "too many fields": b"&".join(b"%d=1" % n for n in range(1500)),
    "a number without end": b'{"TriggerId": 1e999, "Event": ' + b"9" * 5000 + b"}",
    "deep inside": b'[{"event": "bounce", "reason": ' + b"[" * 900 + b"]" * 900 + b"}]",
}
KINDS = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "x; y=z"]


# Anymail warns that it no longer supports SendGrid.
@pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")
@pytest.mark.parametrize("provider", sorted(SOURCES))
def test_malformed_posts_are_refused_and_are_no_errors(client, settings, caplog, provider):
    settings.WEBHOOK_SECRETS = [webhooks.BASIC]
    settings.WEBHOOK_KEYS = {}
    address = f"/mail/webhooks/{provider}/tracking/"
    basic = "Basic " + base64.b64encode(webhooks.BASIC.encode()).decode()
    client.raise_request_exception = False

    for (name, body), kind in product(MALFORMED.items(), KINDS):
        for headers in ({}, {"Authorization": basic}):
            answer = client.post(address, body, content_type=kind, headers=headers)
            assert answer.status_code in {200, 400, 401}, (name, kind)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")
@pytest.mark.parametrize("provider", sorted(SOURCES.keys() - {"mailgun", "unisender_go"}))
def test_an_unsigned_body_is_not_parsed(client, settings, monkeypatch, provider):
    """Mailgun and Unisender Go sign inside the body; for all others the signature comes first."""
    settings.WEBHOOK_SECRETS = [webhooks.BASIC]
    settings.WEBHOOK_KEYS = {}
    if SOURCES[provider].key and not SOURCES[provider].either:
        settings.WEBHOOK_KEYS = {provider: ["key"]}
    monkeypatch.setattr(json, "loads", lambda *_args, **_more: pytest.fail("it was parsed"))

    address = f"/mail/webhooks/{provider}/tracking/"
    answer = client.post(address, b"[" * 20_000, content_type="application/json")

    assert answer.status_code in {400, 401}


ODD = ["\0", "a\0b@example.com", "\ud800", "9" * 30, "9" * 4301, "x" * 9000, "\ufffe\u2028\r\nX: y"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_signed_report_takes_any_text_in_its_fields(provider, client, delivery, caplog):
    for text in ODD:
        for odd in ({"address": text}, {"id": text}, {"provider_id": text}, {"delivery": text}):
            told = {"kind": "hard", "delivery": delivery.pk, **odd}
            try:
                made = webhooks.post(provider, Told(**told))
            except UnicodeEncodeError:  # a form has no lone surrogates
                continue
            assert send(client, provider, made).status_code in {200, 400}, odd
    handle_waiting()
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == []


class TestOddBodies:
    @pytest.fixture
    def post(self, client, delivery):
        """Post what Postmark would, with some values changed."""

        def run(**changes: str):
            made = webhooks.post("postmark", Told("hard", delivery.pk))
            body = json.dumps({**json.loads(made.body), **changes})
            address = "/mail/webhooks/postmark/tracking/"
            kind = "application/json"
            return client.post(address, body, content_type=kind, headers=made.headers)

        return run

    def test_half_a_character_and_a_nul_lose_no_event(self, post):
        answer = post(Description="cut off \ud83d", Details="a\0b", MessageID="x\ud83d\0")
        assert answer.status_code == 200
        assert Event.objects.get().description.startswith("cut off ?")

    def test_a_body_without_end_is_refused(self, post):
        assert post(Details="x" * 3_000_000).status_code == 400
        assert not Event.objects.exists()


class TestSNS:
    def test_a_changed_message_is_refused(self, client):
        made = webhooks.post("amazon_ses", Told("hard", 1))
        body = made.body.replace(b"ann@", b"bob@")
        path = "/mail/webhooks/amazon_ses/tracking/"
        answer = client.post(path, body, content_type="application/json", headers=made.headers)
        assert answer.status_code == 400
        assert not Event.objects.exists()

    @pytest.mark.parametrize(
        "url",
        [
            "http://sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
            "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
            f"https://sns.s3-us-west-2.amazonaws.com/{PEM}",
            f"https://sns.s3-website-us-east-1.amazonaws.com/{PEM}",
            f"https://sns.s3.amazonaws.com/{PEM}",
            f"https://sns.lambda-url.amazonaws.com/{PEM}",
            f"https://sns.cn-north-1.amazonaws.com/{PEM}",
            f"https://sns.eu-west-1.amazonaws.com.cn/{PEM}",
            f"https://SNS.eu-west-1.amazonaws.com/{PEM}",
            f"https://sns.eu-west-1.amazonaws.com:444/{PEM}",
            f"https://a@sns.eu-west-1.amazonaws.com/{PEM}",
            "https://sns.eu-west-1.amazonaws.com/?Action=GetTopicAttributes",
            "https://sns.eu-west-1.amazonaws.com/a.pem",
            f"https://sns.eu-west-1.amazonaws.com/x/{PEM}",
            f"https://sns.eu-west-1.amazonaws.com/{PEM}?x=1",
            f"https://sns.eu-west-1.amazonaws.com/{PEM}#x",
            f"https://sns.eu-west-1.amazonaws.com/{PEM}\n",
            f"https://sns.eu-west-1.amazonaws.com\\@evil.example/{PEM}",
        ],
    )
    def test_certificates_come_from_amazon_alone(self, url):
        with pytest.raises(ValueError, match="not Amazon's"):
            signatures.certificate_key(url)

    @pytest.mark.parametrize(
        "host",
        [
            "sns.us-east-1.amazonaws.com",
            "sns.ap-southeast-2.amazonaws.com",
            "sns.us-gov-west-1.amazonaws.com",
            "sns.me-central-1.amazonaws.com",
            "sns.cn-northwest-1.amazonaws.com.cn",
        ],
    )
    def test_every_region_of_amazon_has_certificates(self, host):
        assert signatures.CERTIFICATE_URL.fullmatch(f"https://{host}/{PEM}")

    def test_it_is_asked_for_the_secret_first(self, client):
        assert client.post("/mail/webhooks/amazon_ses/tracking/", b"{}", "json").status_code == 401


class TestSecrets:
    @pytest.mark.parametrize(
        ("url", "variable"),
        [("postmark://T", "WEBHOOK_SECRET"), ("mailgun://K@example.com", "WEBHOOK_KEY_MAILGUN")],
    )
    def test_a_missing_one_is_told(self, carry_by, settings, url, variable):
        settings.WEBHOOK_SECRETS, settings.WEBHOOK_KEYS = [], {}
        carry_by(f"failover(smtp://localhost {url})")
        assert [fault.split()[0] for fault in webhook_faults()] == [variable]

    def test_one_that_is_there_is_not(self, carry_by):
        carry_by("failover(postmark://T mailgun://K@example.com resend://K)")
        assert webhook_faults() == []
