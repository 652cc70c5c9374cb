"""Visitors of the website, as simple as they can be."""

import uuid

import requests


def post(url: str, /, cookies: dict[str, str] | None = None, **fields: str) -> requests.Response:
    """Send a form. A token that page and cookie agree in is all that CSRF protection asks for."""
    token = uuid.uuid4().hex
    return requests.post(
        url,
        {"csrfmiddlewaretoken": token, **fields},
        cookies={"csrftoken": token, **(cookies or {})},
        allow_redirects=False,
        timeout=60,
    )
