"""What staff who may change accounts can't do: become superusers, or take over their accounts."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission

from tests.accounts.conftest import NEW_PASSWORD
from tests.accounts.test_admin_notices import NEW, user_form

ACCOUNTS = "/admin/accounts/user/"
ALL_RANKS = {"is_staff": "on", "is_superuser": "on", "user_permissions": ["1"], "groups": ["1"]}


@pytest.fixture
def clerk(somebody):
    """May do everything with accounts, groups, addresses, sessions and second factors."""
    user = somebody("clerk@example.com", is_staff=True)
    apps = ["accounts", "account", "mfa", "usersessions", "auth"]
    user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=apps))
    return user


@pytest.fixture
def desk(client, clerk):
    client.force_login(clerk)
    return client


@pytest.fixture(params=["superuser", "staff", "clerk"])
def ranked(request, somebody, clerk):
    """An account of the staff: a superuser's, a colleague's, or the clerk's own."""
    if request.param == "clerk":
        return clerk
    return somebody("chief@example.com", is_staff=True, is_superuser=request.param == "superuser")


def test_an_account_gets_no_rank(desk, ann, clerk):
    Group.objects.create(pk=1, name="All")
    form = user_form(ann, **ALL_RANKS, name="Anna")
    assert desk.post(f"{ACCOUNTS}{ann.pk}/change/", form).status_code == 302
    ann.refresh_from_db()
    assert ann.name == "Anna"
    assert (ann.is_staff, ann.is_superuser) == (False, False)
    assert not ann.user_permissions.exists()
    assert not ann.groups.exists()


def test_a_new_account_gets_none_either(desk, django_user_model):
    desk.post(f"{ACCOUNTS}add/", {"email": "b@example.com", "name": "B", **NEW, **ALL_RANKS})
    found = django_user_model.objects.get(email="b@example.com")
    assert (found.is_staff, found.is_superuser) == (False, False)


def test_accounts_of_the_staff_are_out_of_reach(desk, ranked, django_user_model):
    before = django_user_model.objects.filter(pk=ranked.pk).values().get()
    page = f"{ACCOUNTS}{ranked.pk}"
    form = user_form(ranked, email="evil@example.com", **ALL_RANKS)
    answers = [
        desk.post(f"{page}/change/", form),
        desk.post(f"{page}/password/", NEW),
        desk.post(f"{page}/delete/", {"post": "yes"}),
    ]
    chosen = {"action": "delete_selected", "_selected_action": [ranked.pk], "post": "yes"}
    answers.append(desk.post(ACCOUNTS, chosen))
    assert [one.status_code for one in answers] == [403] * 4
    assert django_user_model.objects.filter(pk=ranked.pk).values().get() == before
    assert not ranked.check_password(NEW_PASSWORD)


def test_nor_are_their_second_factors_addresses_and_sessions(desk, ranked):
    rows = [
        Authenticator.objects.create(user=ranked, type="totp", data={"secret": "x"}),
        EmailAddress.objects.create(user=ranked, email="evil@example.com", verified=False),
        UserSession.objects.create(user=ranked, ip="192.0.2.1", session_key="x" * 32),
    ]
    for row in rows:
        table = f"/admin/{row._meta.app_label}/{row._meta.model_name}/"
        assert desk.post(f"{table}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        desk.post(table, chosen)
        assert type(row).objects.filter(pk=row.pk).exists()
    chosen = {"action": "make_verified", "_selected_action": [rows[1].pk]}
    desk.post("/admin/account/emailaddress/", chosen)
    assert not EmailAddress.objects.get(pk=rows[1].pk).verified


def test_nor_are_the_permissions_of_groups(desk, clerk):
    group = Group.objects.create(name="Clerks")
    clerk.groups.add(group)
    form = {"name": "Clerks", "permissions": ["1"]}
    assert desk.post(f"/admin/auth/group/{group.pk}/change/", form).status_code == 403
    assert desk.post("/admin/auth/group/add/", form).status_code == 403
    assert not group.permissions.exists()


def test_a_superuser_gives_every_rank(client, somebody, ann):
    client.force_login(somebody("boss@example.com", is_staff=True, is_superuser=True))
    client.post(f"{ACCOUNTS}{ann.pk}/change/", user_form(ann, is_staff="on", is_superuser="on"))
    ann.refresh_from_db()
    assert (ann.is_staff, ann.is_superuser) == (True, True)
