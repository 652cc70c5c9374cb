"""What holds for every page: a strict policy, languages, navigation, static files."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.template.loader import render_to_string
from django.urls import reverse

from tests.site_config.page import Page

PUBLIC_PAGES = [
    "home",
    "newsletters:list",
    "account_login",
    "account_signup",
    "account_reset_password",
    "admin:login",
]
OWN_PAGES = [
    "notifications:list",
    "account_profile",
    "account_email",
    "account_change_password",
    "mfa_index",
    "usersessions_list",
    "account_logout",
]


@pytest.fixture
def user(db):
    return get_user_model().objects.create_user("ada@example.com", name="Ada")


def read(client, name: str) -> Page:
    response = client.get(reverse(name), follow=True)
    assert response.status_code == 200, name
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    return Page(response.content.decode())


@pytest.mark.django_db
@pytest.mark.parametrize("name", PUBLIC_PAGES)
def test_public_pages_keep_to_the_policy(client, name):
    page = read(client, name)

    assert page.blocked == []
    assert all(address.startswith("/") for address in page.loads)


@pytest.mark.parametrize("name", OWN_PAGES)
def test_pages_of_an_account_keep_to_the_policy(client, user, name):
    client.force_login(user)

    page = read(client, name)

    assert page.blocked == []
    assert all(address.startswith("/") for address in page.loads)


@pytest.mark.django_db
def test_a_visitor_may_log_in_and_sign_up(client):
    page = read(client, "home")

    assert "Sign in" in page.text
    assert "Sign up" in page.text
    assert "Notifications" not in page.text.partition("Four kinds")[0]


def test_somebody_logged_in_finds_the_own_pages(client, user):
    client.force_login(user)

    page = read(client, "home")

    assert set(map(reverse, OWN_PAGES[:-1])) <= set(page.links)
    assert "Ada" in page.text
    assert "Sign out" in page.text
    assert reverse("admin:index") not in page.links


def test_staff_find_the_administration(client, user):
    user.is_staff = True
    user.save()
    client.force_login(user)

    assert reverse("admin:index") in read(client, "home").links


@pytest.mark.parametrize(
    ("unread", "shown"), [(0, "Notifications Ada"), (1, "1 , 1 unread"), (7, "7 , 7 unread")]
)
def test_the_badge_counts_what_is_unread(user, rf, unread, shown):
    context = {"user": user, "unread_notifications": unread}

    text = Page(render_to_string("_navigation.html", context, rf.get("/"))).text

    assert shown in text


@pytest.mark.django_db
def test_the_language_can_be_switched_and_stays(client):
    response = client.post(reverse("set_language"), {"language": "fr", "next": "/"}, follow=True)

    assert response.redirect_chain == [("/", 302)]
    assert '<html lang="fr" dir="ltr">' in response.content.decode()
    assert '<html lang="fr"' in client.get(reverse("account_login")).content.decode()


@pytest.mark.django_db
def test_each_language_is_offered_by_its_own_name(client):
    text = read(client, "home").text

    for name in ("English", "Français", "ਪੰਜਾਬੀ"):
        assert name in text


def test_static_files_fit_the_manifest(settings, tmp_path):
    """A reference to a file that is not there (a source map, say) would stop a deployment."""
    storage = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": storage}}
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path

    call_command("collectstatic", interactive=False, verbosity=0)

    assert list(tmp_path.glob("site.*.css"))
