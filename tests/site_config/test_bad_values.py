"""Values that no database or codec takes, at every address that strangers can reach.

NUL, bytes that are not UTF-8, lone surrogates, texts and numbers that are too long: in paths,
queries, forms and headers. Each is answered as the visitor's mistake, never with 500.
"""

import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import URLPattern, get_resolver

from newsletters.models import Issue, Newsletter, Subscription
from newsletters.subscribers import tokens
from notifications import tokens as notification_tokens
from notifications.models import Notification

PASSWORD = "correct-horse-42"
# As they are in a query or a form: percent-encoded bytes.
BAD = {
    "NUL": "%00",
    "NUL in an address": "a%00b@example.com",
    "NUL at the end": "ann@example.com%00",
    "no UTF-8": "%FF%FE",
    "a surrogate": "%ED%A0%80@example.com",
    "half of an emoji": "%F0%9F",
    "a long text": "a" * 5000,
    "a long address": "a" * 64 + "@" + "b." * 3000 + "example",
    "a large number": "9" * 30,
    "a huge number": "9" * 5000,
    "a negative number": "-1",
    "other digits": quote("٣²"),
    "line breaks": "a%0D%0AX-Evil:%201%E2%80%A8",
    "noncharacters": quote("\ufffe\uffff\U0010ffff\ufeff"),
    "braces": "%7B%7B%20x%20%7D%7D%%s%(x)s{x}",
}
FIELDS = {
    "also", "before", "code", "credential", "email", "gone", "id", "key", "kind", "language",
    "left_because", "login", "name", "newsletters", "next", "page", "password", "password1",
    "password2", "q", "reader", "remember", "show", "sure", "time_zone", "website", "action",
    "digest", "hour", "weekday", "paused_until", "oldpassword", "List-Unsubscribe",
    "action_add", "action_primary", "action_send", "action_remove",
}  # fmt: skip
HEADERS = [
    "Accept-Language", "User-Agent", "Referer", "Cookie", "X-Forwarded-For", "X-Request-ID",
    "Accept", "X-Requested-With", "If-None-Match", "If-Modified-Since", "Origin", "Range",
    "X-Forwarded-Host", "X-Forwarded-Proto", "Authorization", "HX-Request", "HX-Current-URL",
    "Content-Type",
]  # fmt: skip


def patterns() -> Iterator[tuple[str, str]]:
    """Every address outside of the admin: its route, and the name of its view."""

    def walk(found, before="", space=""):
        for one in found:
            route = before + str(one.pattern)
            if not isinstance(one, URLPattern):
                yield from walk(one.url_patterns, route, one.namespace or space)
            elif not route.startswith("admin/"):
                yield route, f"{space}:{one.name}" if space else str(one.name)

    yield from walk(get_resolver().url_patterns)


# What ends the visit.
LAST = {"account_logout", "newsletters:forget", "account_delete"}
ROUTES = sorted(set(patterns()))
# allauth's own are regular expressions.
PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>|\(\?P<(\w+)>[^)]*\)")


@pytest.fixture(autouse=True)
def _site(outbox_mailers, settings, db):
    settings.ACCOUNT_RATE_LIMITS = False
    settings.ANSWER_STEP_SECONDS = 0
    settings.WEBHOOK_SECRETS = ["hooks:secret-of-the-webhooks"]


@pytest.fixture
def good(_site) -> dict[str, str]:
    """A valid value of each parameter of a route: by the view's name, or its own."""
    weekly = Newsletter.objects.create(name="Weekly", slug="weekly")
    Issue.objects.create(newsletter=weekly, subject="One", slug="one", body="Hello")
    user = get_user_model().objects.create_user("ann@example.com", PASSWORD, name="Ann")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    row = Subscription.objects.create(newsletter=weekly, email=user.email, state="confirmed")
    note = Notification.objects.create(recipient=user, kind="security", data={})
    member, access = tokens.member_token(row.pk), tokens.access_token(user.email)
    switch = notification_tokens.make_token(user.pk, "announcement", user.email)
    return {
        "newsletters:confirm": tokens.confirm_token(row),
        **dict.fromkeys(["newsletters:all_preferences", "newsletters:export"], access),
        "newsletters:forget": access,
        "notifications:visit": notification_tokens.make_visit(note.pk),
        **dict.fromkeys(["notifications:preferences_of", "notifications:switch"], switch),
        "notifications:switch_back": switch,
        "token": member,
        "slug": "weekly",
        "newsletter": "weekly",
        "provider": "postmark",
        "pk": str(note.pk),
    }


def address(route: str, name: str, good: dict[str, str], bad: str = "") -> str:
    """The address of a route, with a bad value of its parameters or with good ones."""

    def value(match: re.Match[str]) -> str:
        return bad or good.get(name) or good.get(match[2] or match[3], "x")

    return "/" + PARAMETER.sub(value, route).replace("^", "").replace("$", "").replace("\\", "")


def visitors(good) -> list[Client]:
    """A stranger, and somebody who is signed in."""
    ann = Client(raise_request_exception=False)
    ann.force_login(get_user_model().objects.get(email="ann@example.com"))
    return [Client(raise_request_exception=False), ann]


def fields_of(client: Client, page: str) -> set[str]:
    """The names of a page's fields, and of those that other pages have."""
    answer = client.get(page)
    text = answer.text if not answer.streaming and answer.status_code == 200 else ""
    return FIELDS | set(re.findall(r'name="([\w.-]+)"', text)) - {"csrfmiddlewaretoken"}


def fault_of(answer) -> str:
    """What is wrong with an answer; "" for nothing."""
    headers = "".join(f"{name}: {value}" for name, value in answer.headers.items())
    if answer.status_code >= 500:
        return f"{answer.request['REQUEST_METHOD']} {answer.status_code}"
    return "a header with a line break" if re.search(r"[\r\n\0]", headers) else ""


def each(values: dict[str, str], quick: set[str]) -> list:
    """The values as parameters of a test; those that are not quick run with bin/test --full."""
    marks = {name: [] if name in quick else [pytest.mark.full] for name in values}
    return [pytest.param(one, id=name, marks=marks[name]) for name, one in values.items()]


@pytest.mark.parametrize("bad", each(BAD, {"NUL in an address", "a large number"}))
def test_every_address_takes_any_value(bad, good):
    faults = []
    form = "application/x-www-form-urlencoded"
    for client, (route, name) in product(visitors(good), ROUTES):
        page = address(route, name, good)
        pairs = "&".join(f"{field}={bad}" for field in sorted(fields_of(client, page)))
        answers = [client.get(f"{page}?{pairs[:30_000]}")]
        if PARAMETER.search(route):
            answers += [way(address(route, name, good, bad)) for way in (client.get, client.post)]
        if name not in LAST:
            answers.append(client.generic("POST", page, pairs, content_type=form))
        faults += [(name, fault) for answer in answers if (fault := fault_of(answer))]
    assert faults == []


RAW = {
    "NUL": "a\0b",
    "bytes": "\xff\xfe",
    "a lone surrogate": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "a long text": "a" * 9000,
    "a huge number": "9" * 5000,
    "no address": "999.1.1.1, [::g]:99999999999",
    "a date of no calendar": "Fri, 99 Xyz 99999 99:99:99 GMT",
    "a kind of nothing": "text/html; charset=undefined; boundary=\xff",
}


@pytest.mark.parametrize("value", each(RAW, {"NUL"}))
@pytest.mark.parametrize("header", HEADERS)
def test_a_sign_in_takes_any_header(header, value, good, settings):
    """A sign-in and a subscription store what the headers say."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    client = Client(raise_request_exception=False)
    environ = {("CONTENT_TYPE" if header == "Content-Type" else as_environ(header)): value}
    login = {"login": "ann@example.com", "password": PASSWORD}
    answers = [
        client.post("/accounts/login/", login, **environ),
        client.post("/newsletters/weekly/", {"email": "new@example.com"}, **environ),
        client.get("/accounts/sessions/", **environ),
        client.get("/nowhere/", **environ),
        client.post("/mail/webhooks/postmark/tracking/", **environ),
        client.get("/newsletters/pictures/x.png", **environ),
    ]
    assert [fault for answer in answers if (fault := fault_of(answer))] == []


def as_environ(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"
