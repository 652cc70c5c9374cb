"""What strangers send is answered with 400 or 404, and is no error that ADMINS get email about."""

import io

import pytest
from django.core import mail

from site_config import logs

FIELDS = "&".join(f"f{n}=1" for n in range(1500))
FORM = "application/x-www-form-urlencoded"
FORMS = ["/accounts/login/", "/accounts/password/reset/", "/accounts/signup/", "/i18n/setlang/"]
PASSKEY = "/accounts/2fa/webauthn/login/"


@pytest.fixture
def errors(db, client, caplog, settings):
    """The records at ERROR, with the loggers as in production."""
    client.raise_request_exception = False
    logging_config = logs.logging_config(debug=False)
    logging_config["root"]["handlers"] = []
    import logging.config

    logging.config.dictConfig(logging_config)
    logging.getLogger().addHandler(caplog.handler)
    yield lambda: [record for record in caplog.records if record.levelno >= logging.ERROR]
    logging.config.dictConfig(logs.logging_config(debug=True))


@pytest.mark.parametrize("path", FORMS)
def test_too_many_fields(client, errors, path):
    assert client.post(path, FIELDS, content_type=FORM).status_code == 400
    assert errors() == []
    assert mail.outbox == []


@pytest.mark.parametrize("path", FORMS)
def test_too_large_a_body(client, errors, path):
    body = "email=" + "a" * 3_000_000
    assert client.post(path, body, content_type=FORM).status_code == 400
    assert errors() == []


@pytest.mark.parametrize("path", FORMS)
def test_too_many_files_and_broken_multipart(client, errors, path):
    files = {f"f{n}": io.BytesIO(b"x") for n in range(101)}
    assert client.post(path, files).status_code == 400
    kind = "multipart/form-data; boundary=x"
    for body in (b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n"):
        assert client.post(path, body, content_type=kind).status_code < 500
    assert client.post(path, b"x", content_type="multipart/form-data").status_code == 400
    assert errors() == []


@pytest.mark.parametrize("kind", [f"{FORM}; charset={name}" for name in ("latin-1", "rot13", "?")])
def test_a_form_in_another_encoding(client, errors, kind):
    answer = client.generic("POST", "/accounts/login/", b"login=\xe9", content_type=kind)
    assert answer.status_code < 500
    assert errors() == []


@pytest.mark.parametrize("charset", ["base64", "rot13", "zlib", "idna", "punycode", "undefined"])
def test_a_query_in_an_encoding_that_is_none_of_text(client, errors, charset):
    answer = client.generic("GET", "/?q=%E9", b"", content_type=f"text/plain; charset={charset}")
    assert answer.status_code < 500
    assert errors() == []


@pytest.mark.parametrize("host", ["evil.example", "a b", "www..example", "[::1", "x" * 300, "a/b"])
def test_another_host(client, errors, host):
    assert client.get("/", headers={"Host": host}).status_code == 400
    assert errors() == []


CREDENTIALS = [
    "[" * 20_000,
    "[]",
    "1",
    "null",
    '"text"',
    "{}",
    '{"id": 1}',
    '{"response": []}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"userHandle": "\\u0000"}}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "W10", '
    '"authenticatorData": "AA", "signature": "AA", "userHandle": "AA"}}',
]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_passkey_that_is_none(client, errors, credential):
    client.get(PASSKEY, headers={"Accept": "application/json"})
    answer = client.post(PASSKEY, {"credential": credential})
    assert answer.status_code < 500
    assert errors() == []


COOKIES = ['"aaaaaaaaaaaa\\000"', '"\\377\\376aaaaaaaa"', "a" * 5000, "\ud83d", "ünïcode-session"]


@pytest.mark.parametrize("cookie", COOKIES)
def test_a_session_that_is_none(client, errors, cookie):
    for name in ("sessionid", "csrftoken", "django_language", "messages", "known_here"):
        header = (
            f"{name}={cookie}".encode("utf-8", "surrogateescape").decode("latin-1")
            if ("\ud83d" not in cookie)
            else f"{name}=x"
        )
        assert client.get("/accounts/profile/", headers={"Cookie": header}).status_code < 500
        assert client.get("/", headers={"Cookie": header}).status_code < 500
    assert errors() == []


PATHS = [
    "/newsletters/%00/",
    "/newsletters/confirm/%00/",
    "/newsletters/unsubscribe/a%00b/",
    "/newsletters/preferences/%ED%A0%80/",
    "/notifications/visit/%00/",
    "/accounts/confirm-email/%00/",
    "/accounts/confirm-email/" + "a" * 5000 + "/",
    "/accounts/password/reset/key/%00-%00/",
    "/accounts/password/reset/key/zzzzzzzzzzzzzzzzzzzzzzzzz-abc/",
    "/accounts/mend/%00/",
    "/newsletters/pictures/%00.png",
    "/static/%00",
    "/?next=%00",
    "/accounts/login/?next=%00",
    "/accounts/login/?next=//[",
    "/i18n/setlang/",
]


@pytest.mark.parametrize("path", PATHS)
def test_an_address_that_is_none(client, errors, path):
    assert client.get(path).status_code < 500
    assert client.post(path).status_code < 500
    assert errors() == []


# -- Pages below a token's path --------------------------------------------------------------------

LOST = [
    "/newsletters/confirm/bad-token/",
    "/newsletters/unsubscribe/bad-token/",
    "/newsletters/unsubscribe/bad-token/undo/",
    "/newsletters/preferences/bad-token/",
    "/newsletters/preferences/bad-token/export/",
    "/newsletters/preferences/bad-token/and/more/",
    "/newsletters/unsubscribe/bad-token",
    "/notifications/visit/bad-token/",
    "/notifications/preferences/bad-token/",
    "/notifications/switch/bad-token/",
    "/notifications/switch/bad-token",
    "/accounts/confirm-email/bad-token/",
    "/accounts/confirm-email/bad-token",
    "/accounts/password/reset/key/1-abc-def/and/more/",
    "/accounts/password/reset/key/1-abc-def",
    "/accounts/mend/bad-token/",
    "/none/bad-token/",
    "/newsletters/confirm/bad%00token/",
    "/newsletters/unsubscribe/bad-token/?x=%00",
]


@pytest.mark.parametrize("path", LOST)
def test_a_page_that_is_lost_is_neither_kept_nor_told(client, db, path):
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code in {200, 301, 302, 400, 404, 405}
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"


def test_ordinary_pages_and_files_may_be_kept(client, db):
    assert "no-store" not in client.get("/").get("Cache-Control", "")
    style = client.get("/static/site.css")
    assert "no-store" not in style.get("Cache-Control", "")
    style.close()
