"""Limits count over all processes, by the address that the proxy saw."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.deploy.conftest import Production
from tests.visitor import TOKEN

pytestmark = [pytest.mark.postgres, pytest.mark.proxy]

RESET = "/accounts/password/reset/"


def reset(production: Production, visitor, email: str, forwarded: str) -> int:
    """Ask for a reset with a header of the visitor's own making; the answer's status."""
    answer = visitor.session.post(
        production.url + RESET,
        {"email": email, "csrfmiddlewaretoken": visitor.token},
        headers={"Referer": production.url + RESET, "X-Forwarded-For": forwarded},
        allow_redirects=False,
        timeout=60,
    )
    return answer.status_code


def test_sixty_resets_over_two_processes_are_limited_together(production: Production):
    visitor = production.visitor("127.0.0.21")
    visitor.token = TOKEN.search(visitor.get(RESET).text)[1]

    with ThreadPoolExecutor(6) as pool:
        asked = [
            pool.submit(reset, production, visitor, f"a{n}@people.test", f"10.0.0.{n}")
            for n in range(60)
        ]
    answers = Counter(one.result() for one in asked)

    assert answers == {302: 20, 429: 40}


def test_another_visitor_is_served(production: Production):
    visitor = production.visitor("127.0.0.22")
    visitor.token = TOKEN.search(visitor.get(RESET).text)[1]

    assert reset(production, visitor, "ann@people.test", "127.0.0.21") == 302
