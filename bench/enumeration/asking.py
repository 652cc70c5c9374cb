"""Sending one form for one address, and what comes back."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import requests

from tests.visitor import TOKEN

PASSWORD = "correct-horse-42"


def address_field(email: str) -> dict[str, str]:
    return {"email": email}


def sign_up_fields(email: str) -> dict[str, str]:
    return {"email": email, "name": "Ned", "password1": PASSWORD, "password2": PASSWORD}


FORMS: dict[str, tuple[str, Callable[[str], dict[str, str]]]] = {
    "reset": ("/accounts/password/reset/", address_field),
    "log-in code": ("/accounts/login/code/", address_field),
    "sign-up": ("/accounts/signup/", sign_up_fields),
    "subscribe": ("/newsletters/weekly/", address_field),
    "resend": ("/accounts/confirm-email/", lambda email: {"resend": "1"}),
    "correct address": ("/accounts/confirm-email/", address_field),
}
# The address that the browser signed up with before.
SIGNED_UP: dict[str, Callable[[str], str]] = {
    "resend": lambda email: email,
    "correct address": lambda email: f"mistyped-{email}",
}


@dataclass(frozen=True)
class Answer:
    """seconds: from the POST to its answer. seen: status, redirect, names of headers, cookies."""

    seconds: float
    seen: tuple[object, ...]


class Asker:
    """Newcomers, each from an address of their own, so that no rate limit counts.

    sessions: the keys of browsers that signed up before, by the address they did it with.
    """

    def __init__(self, url: str, form: str, sessions: Mapping[str, str]) -> None:
        self.url, self.form, self.sessions = url, form, sessions
        page = requests.get(f"{url}/accounts/login/", timeout=60)
        self.cookie, self.token = page.cookies["csrftoken"], TOKEN.search(page.text)[1]

    def ask(self, email: str, ip: str) -> Answer:
        """Send the form once."""
        path, fields = FORMS[self.form]
        cookies = {"csrftoken": self.cookie}
        if self.form in SIGNED_UP:
            cookies["sessionid"] = self.sessions[SIGNED_UP[self.form](email)]
        data = {"csrfmiddlewaretoken": self.token, **fields(email)}
        with requests.Session() as session:
            session.headers["X-Forwarded-For"] = ip
            session.cookies.update(cookies)
            started = time.perf_counter()
            answer = session.post(self.url + path, data, allow_redirects=False, timeout=60)
            seconds = time.perf_counter() - started
            names = tuple(sorted(cookie.name for cookie in session.cookies))
        location = answer.headers.get("Location")
        return Answer(seconds, (answer.status_code, location, tuple(sorted(answer.headers)), names))
