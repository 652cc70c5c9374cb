"""Any input to any public form or token: never a fault of ours, a header, or another recipient."""

import re
from urllib.parse import quote

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailroom.models import Delivery, Message
from newsletters.models import Newsletter, Subscription
from newsletters.subscribers import tokens

PIECES = [
    *("\r\n", "\n", "\0", "\u2028", "\x85", "\ufeff", "\u202e", "😀", "é", "%0d%0aBcc:%20"),
    *(
        "Bcc: evil@evil.test",
        "\r\nBcc: evil@evil.test\r\n",
        ", evil@evil.test",
        "; ",
        "<",
        ">",
        '"',
    ),
    *("{{ 7*7 }}", "{name}", "<script>", "' OR 1=1 --", "../../etc/passwd", "ann@example.com", "@"),
    *("ann@example.com%00", "ann@example.com\nevil@evil.test", "xn--", "a" * 400, "ſ", "ı", "İ"),
]
SOUP = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=6).map("".join)
ADDRESS = st.one_of(SOUP, SOUP.map(lambda text: f"{text}@example.com"), st.just("ann@example.com"))
FORMS: dict[str, dict[str, st.SearchStrategy]] = {
    "/accounts/signup/": {"name": SOUP, "email": ADDRESS, "password1": SOUP, "password2": SOUP},
    "/accounts/login/": {"login": ADDRESS, "password": SOUP, "next": SOUP},
    "/accounts/login/code/": {"email": ADDRESS, "next": SOUP},
    "/accounts/password/reset/": {"email": ADDRESS},
    "/newsletters/weekly/": {"email": ADDRESS, "name": SOUP, "website": st.just("")},
    "/i18n/setlang/": {"language": SOUP, "next": SOUP},
    "/mail/webhooks/postmark/tracking/": {"body": SOUP},
}
PATHS = [
    "/accounts/confirm-email/{}/",
    "/accounts/password/reset/key/{}/",
    "/accounts/mend/{}/",
    "/newsletters/confirm/{}/",
    "/newsletters/unsubscribe/{}/",
    "/newsletters/preferences/{}/",
    "/newsletters/preferences/{}/forget/",
    "/notifications/preferences/{}/",
    "/notifications/switch/{}/",
    "/notifications/visit/{}/",
    "/newsletters/{}/",
    "/newsletters/weekly/{}/",
    "/{}",
    "/newsletters/?{}",
]
OWN = {"To", "From", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}
KNOWN = OWN | {"Content-Transfer-Encoding", "Auto-Submitted", "Feedback-ID", "Reply-To"}
KNOWN |= {"X-Auto-Response-Suppress", "Precedence"}
SIZES = [120, pytest.param(5000, marks=pytest.mark.full)]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site(outbox_mailers, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    user = get_user_model().objects.create_user("ann@example.com", "correct-horse-42", name="Ann")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Newsletter.objects.create(name="Weekly", slug="weekly")


def check_answer(answer) -> None:
    assert answer.status_code < 500
    for name, value in answer.headers.items():
        assert not re.search(r"[\r\n\0]", name + value)
    assert "evil" not in {name.lower() for name in answer.headers}
    assert not answer.headers.get("Location", "/").startswith(("//", "http"))


def check_outbox(address: str) -> None:
    """What is queued is for the one address that was typed in, and for nobody else."""
    for row in Message.objects.prefetch_related("deliveries"):
        (delivery,) = row.deliveries.all()
        assert delivery.address.lower() == address.strip().lower()
        assert row.cc == row.bcc == []
        assert set(row.headers) <= KNOWN | {
            name for name in row.headers if name.startswith("List-")
        }
        assert "\n" not in row.subject


@pytest.mark.parametrize("size", SIZES)
def test_no_form_is_broken_by_its_input(size: int, drain):
    @settings(max_examples=size, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def send(data) -> None:
        Message.objects.all().delete()
        mail.outbox.clear()
        path = data.draw(st.sampled_from(sorted(FORMS)))
        fields = data.draw(st.fixed_dictionaries(FORMS[path]))
        check_answer(Client().post(path, fields))
        check_outbox(fields.get("email", fields.get("login", "")))
        drain()
        for one in mail.outbox:
            message = one.message()
            assert len(one.recipients()) == 1
            assert "Bcc" not in message
            assert {name for name in message if not name.startswith(("List-", "X-"))} <= KNOWN

    send()


@pytest.mark.parametrize("size", SIZES)
def test_no_link_is_broken_by_its_token(size: int):
    weekly = Newsletter.objects.get()
    ann = Subscription.objects.create(newsletter=weekly, email="ann@example.com", state="confirmed")
    good = [tokens.member_token(ann.pk), tokens.confirm_token(ann)]

    @settings(max_examples=size, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(PATHS), st.one_of(SOUP, spoiled(good)), st.booleans())
    def follow(path: str, token: str, is_post: bool) -> None:
        address = path.format(quote(token, safe="?=&"))
        client = Client()
        check_answer(client.post(address, {"sure": "on"}) if is_post else client.get(address))
        assert Subscription.objects.confirmed().count() == 1
        assert not Delivery.objects.exists()

    follow()


def spoiled(good: list[str]) -> st.SearchStrategy[str]:
    """A good token with one character changed, cut off, or doubled."""

    @st.composite
    def make(draw) -> str:
        token = draw(st.sampled_from(good))
        at = draw(st.integers(0, len(token) - 2))
        other = draw(st.sampled_from("AZaz09-_.:=").filter(lambda one: one != token[at]))
        return draw(st.sampled_from([token[:at] + other + token[at + 1 :], token[:at], token * 2]))

    return make()
