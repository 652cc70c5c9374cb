"""The page of sessions: where somebody is signed in, in words, and each to be ended by itself."""

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.browsers import describe_browser
from tests.accounts.conftest import PASSWORD

PAGE = "/accounts/sessions/"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/19.1 Mobile/15E148 Safari/604.1"
)
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (SAFARI, "Safari on iPhone"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {CHROME} Edg/150.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 15; K) {CHROME}", "Chrome on Android"),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Firefox/150",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Macintosh; Mac OS X 10_15) Version/18 Safari/605.1",
            "Safari on macOS",
        ),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_described_in_words(header, words):
    assert describe_browser(header) == words


@pytest.fixture
def phone(inside, ann) -> Client:
    """Another browser of Ann's, signed in as well."""
    other = Client(headers={"User-Agent": SAFARI})
    other.post("/accounts/login/", {"login": ann.email, "password": PASSWORD})
    assert is_inside(other)
    return other


def is_inside(client: Client) -> bool:
    return client.get("/accounts/profile/").status_code == 200


def end(client: Client, session: UserSession | str):
    return client.post(PAGE, {"session": getattr(session, "pk", session)}, follow=True)


def test_one_session_is_ended_and_the_others_go_on(inside, phone):
    page = inside.get(PAGE)
    assert "Safari on iPhone" in page.text
    session = UserSession.objects.exclude(session_key=inside.session.session_key).get()

    page = end(inside, session)

    assert "Signed out of Safari on iPhone." in page.text
    assert not is_inside(phone)
    assert is_inside(inside)


def test_ending_the_current_session_signs_out(inside, phone):
    end(inside, UserSession.objects.get(session_key=inside.session.session_key))

    assert not is_inside(inside)
    assert is_inside(phone)


def test_all_others_are_ended_at_once(inside, phone):
    inside.post(PAGE)

    assert not is_inside(phone)
    assert is_inside(inside)


@pytest.mark.parametrize("number", ["0", "x", "", "9" * 30])
def test_what_is_no_session_of_ones_own_is_not_found(inside, number):
    assert end(inside, number).status_code == 404


def test_nobody_ends_the_session_of_somebody_else(inside, phone, somebody):
    somebody("eve@example.com")
    eve = Client()
    eve.post("/accounts/login/", {"login": "eve@example.com", "password": PASSWORD})

    answers = [end(eve, one).status_code for one in UserSession.objects.filter(user__name="Ann")]

    assert is_inside(inside)
    assert is_inside(phone)
    assert 404 in answers
