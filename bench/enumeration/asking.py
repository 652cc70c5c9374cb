"""Sending one form for one address, and what comes back."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from tests.visitor import TOKEN

PASSWORD = "correct-horse-42"


def address_field(email: str) -> dict[str, str]:
    return {"email": email}


def sign_up_fields(email: str) -> dict[str, str]:
    return {"email": email, "name": "Ned", "password1": PASSWORD, "password2": PASSWORD}


FORMS = {
    "reset": ("/accounts/password/reset/", address_field),
    "log-in code": ("/accounts/login/code/", address_field),
    "sign-up": ("/accounts/signup/", sign_up_fields),
    "subscribe": ("/newsletters/weekly/", address_field),
    "resend": ("/accounts/confirm-email/", lambda email: {"resend": "1"}),
    "correct address": ("/accounts/confirm-email/", address_field),
}
# What is sent before, by the same browser: the address of its sign-up.
SIGNED_UP: dict[str, Callable[[str], str]] = {
    "resend": lambda email: email,
    "correct address": lambda email: f"mistyped-{email}",
}


@dataclass(frozen=True)
class Answer:
    """seconds: from the POST to its answer. seen: status, redirect, names of headers, cookies."""

    seconds: float
    seen: tuple[object, ...]


def ask(url: str, form: str, email: str, ip: str) -> Answer:
    """Send the form as a newcomer from an address of their own, so that no rate limit counts."""
    session = requests.Session()
    session.headers["X-Forwarded-For"] = ip
    if form in SIGNED_UP:
        _post(session, url, "sign-up", SIGNED_UP[form](email))
    answer, seconds = _post(session, url, form, email)
    seen = (
        answer.status_code,
        answer.headers.get("Location"),
        tuple(sorted(answer.headers)),
        tuple(sorted(cookie.name for cookie in session.cookies)),
    )
    return Answer(seconds, seen)


def _post(
    session: requests.Session, url: str, form: str, email: str
) -> tuple[requests.Response, float]:
    """The answer to a form, and the seconds it took; the page of the form is read before."""
    path, fields = FORMS[form]
    token = TOKEN.search(session.get(url + path, timeout=60).text)[1]
    data = {"csrfmiddlewaretoken": token, **fields(email)}
    started = time.perf_counter()
    answer = session.post(url + path, data, allow_redirects=False, timeout=60)
    return answer, time.perf_counter() - started
