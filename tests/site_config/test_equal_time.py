"""Forms that take an address are answered at whole steps of time, whatever the work takes."""

import pytest

from newsletters.models import Newsletter
from site_config import middleware

FORMS = {
    "/accounts/signup/": {"email": "a@example.com"},
    "/accounts/password/reset/": {"email": "a@example.com"},
    "/accounts/login/code/": {"email": "a@example.com"},
    "/newsletters/weekly/": {"email": "a@example.com"},
    "/accounts/confirm-email/": {"email": "a@example.com"},
}


class Clock:
    """A clock on which every look takes some time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        self.now += 0.13
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(db, settings, monkeypatch, outbox_mailers) -> Clock:
    Newsletter.objects.create(name="Weekly", slug="weekly")
    settings.ANSWER_STEP_SECONDS = 0.5
    clock = Clock()
    monkeypatch.setattr(middleware, "time", clock)
    return clock


@pytest.mark.parametrize("path", FORMS)
def test_a_form_with_an_address_waits_for_the_next_step(client, clock, path):
    client.post(path, FORMS[path])
    (slept,) = clock.slept
    assert slept == pytest.approx(0.5 - 0.13)


@pytest.mark.parametrize("path", [*FORMS, "/accounts/login/", "/"])
def test_nothing_else_waits(client, clock, path):
    client.get(path)
    client.post("/accounts/login/", {"login": "a@example.com", "password": "x"})
    assert clock.slept == []
