"""A change of an account and the mail about it are committed together, or not at all."""

import pytest

from accounts.models import User

PASSWORD = "correct-horse-42"


@pytest.mark.django_db
def test_there_is_no_account_without_its_mail(client, outbox_mailers):
    del outbox_mailers["registration"]
    client.raise_request_exception = False

    answer = client.post(
        "/accounts/signup/",
        {"name": "Ann", "email": "a@example.com", "password1": PASSWORD, "password2": PASSWORD},
    )

    assert answer.status_code == 500
    assert not User.objects.exists()


@pytest.mark.django_db
def test_no_password_changes_without_its_notice(client, outbox_mailers):
    ann = User.objects.create_user("ann@example.com", PASSWORD)
    client.force_login(ann)
    del outbox_mailers["notifications"]
    client.raise_request_exception = False

    new = {"password1": "battery-staple-43", "password2": "battery-staple-43"}
    answer = client.post("/accounts/password/change/", {"oldpassword": PASSWORD, **new})

    assert answer.status_code == 500
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)
