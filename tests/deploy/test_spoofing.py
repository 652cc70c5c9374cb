"""Whoever sends a request chooses its headers, and bends no link in a mail by them."""

import re
import socket
import ssl
from email.message import EmailMessage

import pytest
from requests import Request

from tests.deploy.conftest import Production
from tests.processes import until
from tests.visitor import TOKEN, links_of

pytestmark = [pytest.mark.postgres, pytest.mark.proxy]

PASSWORD = "correct-horse-41"
HOSTS = ["evil.test", "evil.test:443", "{host}.evil.test", "evil.test#{host}", "evil.test/{host}"]
HEADERS = [
    {"X-Forwarded-Host": "evil.test"},
    {"X-Forwarded-Server": "evil.test"},
    {"X-Forwarded-Port": "1"},
    {"X-Forwarded-Proto": "http"},
    {"X-Forwarded-For": "evil.test"},
    {"X-Forwarded-Prefix": "/evil.test"},
    {"X-Host": "evil.test"},
    {"X-Original-URL": "https://evil.test/"},
    {"X-Rewrite-URL": "https://evil.test/"},
    {"Forwarded": "host=evil.test;proto=http"},
    {"Script-Name": "//evil.test"},
    {"X-Script-Name": "//evil.test"},
]
TARGETS = ["https://evil.test{path}", "http://evil.test:1{path}", "//evil.test{path}"]


def form(**fields: str) -> dict[str, str]:
    return {"name": "Bob", "password1": PASSWORD, "password2": PASSWORD, **fields}


@pytest.fixture(scope="module")
def visitor(production: Production):
    return production.visitor("127.0.0.11")


def sign_up(production: Production, visitor, address: str, target: str, headers: dict[str, str]):
    """A sign-up as written by hand, past every rule of a browser; the answer's status."""
    path = "/accounts/signup/"
    token = TOKEN.search(visitor.get(path).text)[1]
    host = production.url.removeprefix("https://")
    body = visitor.session.prepare_request(
        Request(
            "POST",
            production.url + path,
            data=form(email=address, csrfmiddlewaretoken=token),
            headers={"Referer": production.url + path},
        )
    )
    lines = {"Host": host, **body.headers, "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    context = ssl.create_default_context(cafile=str(production.proxy.certificate))
    plain = socket.create_connection(("127.0.0.1", production.proxy.port), timeout=30)
    with context.wrap_socket(plain, server_hostname="localhost") as wire:
        start = f"POST {target.format(path=path)} HTTP/1.1\r\n"
        wire.sendall(f"{start}{head}\r\n{body.body}".encode())
        answer = b""
        while part := wire.recv(65536):
            answer += part
    return int(answer.split()[1])


CASES = [
    *(("{path}", {"Host": host}) for host in HOSTS),
    *(("{path}", headers) for headers in HEADERS),
    *((target, {}) for target in TARGETS),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_no_request_bends_a_link(production: Production, visitor, number: int):
    target, headers = CASES[number]
    host = production.url.removeprefix("https://").partition(":")[0]
    headers = {name: value.format(host=host) for name, value in headers.items()}
    address = f"spoofed{number}@people.test"

    status = sign_up(production, visitor, address, target, headers)

    assert status in {302, 400, 403, 404, 429}
    assert "Host" not in headers or status == 400
    if status == 302:
        until(lambda: mails_to(production, address), f"a mail to {address}")
    for mail in mails_to(production, address):
        assert all(link.startswith(production.url) for link in links_in(mail))


def test_most_of_those_requests_did_cause_a_mail(production: Production):
    sent = [n for n in range(len(CASES)) if mails_to(production, f"spoofed{n}@people.test")]

    assert len(CASES) == 20
    assert len(sent) >= len(HEADERS)


def test_the_administrators_are_not_mailed_about_them(production: Production):
    told = [str(mail["Subject"]) for mail in mails_to(production, "boss@site.test")]
    assert not [subject for subject in told if "HTTP_HOST" in subject or "readyz" in subject]


def mails_to(production: Production, address: str) -> list[EmailMessage]:
    return [one.mail for one in production.mail.received if address in one.recipients]


def links_in(mail: EmailMessage) -> list[str]:
    text = mail.get_body(("plain",))
    html = mail.get_body(("html",))
    found = re.findall(r"https?://[^\s>]+", text.get_content()) if text else []
    in_html = links_of(html.get_content()) if html else []
    return found + [link for link in in_html if not link.startswith(("mailto:", "cid:"))]
