"""What opens an account is forgotten once it did its work, and shown to nobody else."""

import runpy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail
from gunicorn.config import Config

from mailroom.models import Message
from tests.accounts.conftest import PASSWORD
from tests.accounts.test_ways_in import code_in

ROOT = Path(__file__).parent.parent.parent


def ask(client, what: str, email: str = "ann@example.com") -> None:
    if what == "confirmation":
        data = {"name": "N", "email": "n@example.com", "password1": PASSWORD, "password2": PASSWORD}
        client.post("/accounts/signup/", data)
    else:
        path = {"reset": "/accounts/password/reset/", "code": "/accounts/login/code/"}[what]
        client.post(path, {"email": email})


def secret_in(message, what: str) -> str:
    if what == "code":
        return code_in(message)
    return next(word for word in message.body.split() if word.count("/") > 5).split("/")[-2]


@pytest.fixture(params=["reset", "code", "confirmation"])
def what(request) -> str:
    return request.param


class TestMails:
    def test_are_erased_when_sent(self, client, ann, drain, what):
        ask(client, what)
        assert Message.objects.get().body
        drain()
        secret = secret_in(mail.outbox[0], what)
        message = Message.objects.get()
        assert (message.body, message.content) == ("", {})
        assert message.erased_at
        assert secret not in message.subject

    def test_are_not_shown_in_the_admin_before(self, client, admin_client, ann, drain, what):
        ask(client, what)
        message = Message.objects.get()
        pages = [
            f"/admin/mailroom/message/{message.pk}/change/",
            f"/admin/mailroom/message/{message.pk}/frame/",
            f"/admin/mailroom/delivery/{message.deliveries.get().pk}/change/",
            "/admin/mailroom/message/",
            "/admin/mailroom/delivery/",
        ]
        seen = "".join(admin_client.get(page).text for page in pages)
        drain()
        assert secret_in(mail.outbox[0], what) not in seen
        assert "Not shown" in seen

    @pytest.mark.usefixtures("ann", "no_server")
    def test_are_not_logged_though_the_server_is_away(self, client, drain, what, caplog):
        caplog.set_level("DEBUG")
        ask(client, what)
        body = Message.objects.get().body
        drain()
        secrets = [word for word in body.split() if "/accounts/" in word and len(word) > 60]
        secrets += [line.strip() for line in body.splitlines() if line.startswith("    ")]
        assert secrets
        assert not [secret for secret in secrets if secret in caplog.text]


class TestAccessLog:
    @pytest.mark.parametrize(
        ("path", "written"),
        [
            (f"/accounts/password/reset/key/1-abc-{'f' * 32}/", "/accounts/password/reset/key/…/"),
            (f"/accounts/confirm-email/MQ:1xVT49:{'Q' * 43}/", "/accounts/confirm-email/…/"),
            (f"/newsletters/unsubscribe/{'e' * 60}/", "/newsletters/unsubscribe/…/"),
            ("/accounts/password/reset/", "/accounts/password/reset/"),
        ],
    )
    def test_leaves_out_the_keys_of_links(self, path, written):
        logger = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["logger_class"](Config())
        answer = SimpleNamespace(status="200 OK", headers=(), sent=1)
        environ = {"PATH_INFO": path, "RAW_URI": path, "REQUEST_METHOD": "GET"}
        environ["SERVER_PROTOCOL"] = "HTTP/1.1"
        atoms = logger.atoms(answer, SimpleNamespace(headers=()), environ, timedelta())
        assert atoms["U"] == written


class TestPages:
    @pytest.mark.parametrize(
        "path",
        [
            "/accounts/password/reset/",
            "/accounts/password/reset/done/",
            "/accounts/password/reset/key/1-set-password/",
            "/accounts/password/reset/key/1-wrong-key/",
            "/accounts/confirm-email/",
            "/accounts/confirm-email/wrong-key/",
        ],
    )
    def test_with_a_key_are_not_kept_or_told(self, client, db, path):
        response = client.get(path)
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"

    def test_with_a_factor_are_not_kept_or_told(self, inside):
        inside.post("/accounts/reauthenticate/", {"password": PASSWORD})
        response = inside.get("/accounts/2fa/totp/activate/")
        assert response.context["form"].secret in response.text
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"

    @pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/"])
    def test_where_passwords_are_typed_are_not_kept(self, client, db, path):
        assert "no-store" in client.get(path)["Cache-Control"]


class TestAdmin:
    @pytest.fixture
    def factor(self, ann) -> Authenticator:
        return Authenticator.objects.create(
            user=ann, type=Authenticator.Type.TOTP, data={"secret": "JBSWY3DPEHPK3PXP"}
        )

    def test_hides_the_secret_of_a_factor(self, admin_client, factor):
        page = admin_client.get(f"/admin/mfa/authenticator/{factor.pk}/change/")
        assert page.status_code == 200
        assert "JBSWY3DPEHPK3PXP" not in page.text
        assert admin_client.get("/admin/mfa/authenticator/add/").status_code == 403

    def test_hides_the_keys_of_sessions(self, inside, ann, admin_client):
        session, key = UserSession.objects.get(user=ann), inside.session.session_key
        assert session.session_key == key
        page = admin_client.get(f"/admin/usersessions/usersession/{session.pk}/change/")
        assert page.status_code == 200
        assert key not in page.text
        assert admin_client.get("/admin/usersessions/usersession/?q=ann").status_code == 200

    def test_shows_no_password_hash(self, admin_client, ann):
        page = admin_client.get(f"/admin/accounts/user/{ann.pk}/change/")
        assert ann.password not in page.text
