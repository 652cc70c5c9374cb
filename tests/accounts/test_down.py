"""A mail server or a broker that is away: pages answer, and the rows wait."""

import pytest

from mailroom.models import Delivery
from tests.accounts.conftest import PASSWORD
from tests.mailroom.fakes.ports import closed_port

FORMS = {
    "/accounts/password/reset/": {"email": "ann@example.com"},
    "/accounts/login/code/": {"email": "ann@example.com"},
    "/accounts/signup/": {
        "name": "Ned",
        "email": "new@example.com",
        "password1": PASSWORD,
        "password2": PASSWORD,
    },
}


@pytest.fixture
def no_broker(settings) -> None:
    from site_config.celery import app

    settings.TASKS = {
        "default": {
            "BACKEND": "django_tasks_celery.backend.CeleryBackend",
            "QUEUES": [],
            "OPTIONS": {"CELERY_APP": "site_config.celery.app"},
        }
    }
    app.conf.broker_url = f"redis://127.0.0.1:{closed_port()}/0"
    app.set_default()


@pytest.mark.parametrize("path", FORMS)
def test_a_mail_server_that_is_down_is_waited_for(client, ann, drain, no_server, path):
    assert client.post(path, FORMS[path]).status_code == 302
    drain()
    delivery = Delivery.objects.get()
    assert delivery.state == "queued"
    assert "refused" in delivery.error
    assert delivery.message.body


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
@pytest.mark.parametrize("path", ["/accounts/password/reset/", "/accounts/login/code/"])
@pytest.mark.usefixtures("ann", "no_broker")
def test_a_broker_that_is_down_changes_no_answer(client, path, email):
    assert client.post(path, {"email": email}).status_code == 302
    assert Delivery.objects.queued().count() == (email == "ann@example.com")


def test_a_notice_that_cannot_go_out_stops_no_change(inside, ann, drain, no_server):
    new = {"oldpassword": PASSWORD, "password1": "other-horse-42", "password2": "other-horse-42"}
    assert inside.post("/accounts/password/change/", new).status_code == 302
    drain()
    ann.refresh_from_db()
    assert ann.check_password("other-horse-42")
    assert Delivery.objects.get().state == "queued"
