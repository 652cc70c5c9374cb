"""A path in PUBLIC_URL works, and no header of a request sets one."""

import http.client

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.urls import reverse, set_script_prefix

from mailroom.messages.links import public_link, public_url
from newsletters.composing import preflight
from newsletters.models import Newsletter
from notifications.markdown import announcement_html
from tests.processes import Site, settings_with

PASSWORD = "correct-horse-42"
BASE = "https://www.example.com/post"


@pytest.fixture
def below(settings):
    """The site as it is with PUBLIC_URL=https://www.example.com/post."""
    found = settings_with(DEBUG="1", SECRET_KEY="x" * 40, PUBLIC_URL=f"{BASE}/")
    assert found.CONFIGURATION_FAULTS == []
    for name in ("PUBLIC_URL", "FORCE_SCRIPT_NAME", "SESSION_COOKIE_PATH", "CSRF_COOKIE_PATH"):
        setattr(settings, name, getattr(found, name))
    settings.ALLOWED_HOSTS = ["www.example.com"]
    set_script_prefix(found.FORCE_SCRIPT_NAME)
    settings.STATIC_URL = "static/"  # read anew, with the prefix
    yield Client(headers={"Host": "www.example.com"})
    set_script_prefix("/")


def test_links_have_it_once(below):
    assert reverse("account_login") == "/post/accounts/login/"
    assert public_url("account_login") == f"{BASE}/accounts/login/"
    assert public_link("newsletters:confirm", "abc") == f"{BASE}/newsletters/confirm/abc/"


@pytest.mark.django_db(transaction=True)
def test_a_reset_works_from_the_page_to_the_link(below, outbox_mailers, drain):
    user = get_user_model().objects.create_user("ann@example.com", PASSWORD)
    user.emailaddress_set.create(email=user.email, verified=True, primary=True)

    page = below.get("/post/accounts/password/reset/")
    assert 'action="/post/accounts/password/reset/"' in page.text
    answer = below.post("/post/accounts/password/reset/", {"email": user.email})
    assert answer.url == "/post/accounts/password/reset/done/"
    drain()
    (message,) = mail.outbox
    links = [word for word in message.body.split() if word.startswith("http")]
    assert all(link.startswith(f"{BASE}/") and "/post/post/" not in link for link in links)
    (link,) = [link for link in links if "/reset/key/" in link]
    page = below.get(link.removeprefix("https://www.example.com"), follow=True)
    assert "password1" in page.text
    assert page.redirect_chain[0][0].startswith("/post/accounts/password/reset/key/")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/post", "/post/", "/"])
def test_the_home_page_and_its_files_are_found(below, path):
    page = below.get(path)

    assert page.status_code == 200
    assert 'href="/post/static/' in page.text
    assert 'href="/static/' not in page.text
    assert 'href="/accounts/' not in page.text


@pytest.mark.django_db
def test_visitors_are_led_to_the_page_for_signing_in(below):
    answer = below.get("/post/accounts/profile/")
    assert answer.url == "/post/accounts/login/?next=/post/accounts/profile/"
    answer = below.get("/post/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/post/accounts/login/")


@pytest.mark.django_db
def test_cookies_are_sent_to_no_neighbour(below):
    below.get("/post/accounts/login/")
    assert {cookie["path"] for cookie in below.cookies.values()} == {"/post/"}


def test_another_path_that_begins_alike_is_not_ours(below, db):
    assert below.get("/poster/").status_code == 404
    assert below.get("/post/none/").status_code == 404
    assert below.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_an_editors_links_are_followed_below_it(below):
    Newsletter.objects.create(name="Weekly", slug="weekly")
    good = f"[a]({BASE}/newsletters/weekly/) [b](https://www.example.com/elsewhere/)"
    assert preflight.dead_links(good) == []
    assert len(preflight.dead_links(f"[a]({BASE}/newsletters/none/)")) == 1
    assert f'href="{BASE}/newsletters/"' in announcement_html("[all](/newsletters/)")


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "HTTP_SCRIPT_NAME", "HTTP_X_SCRIPT_NAME"])
def test_a_header_bends_no_link(client, db, name):
    page = client.get("/accounts/login/", **{name: "/evil"})
    assert "/evil" not in page.text


@pytest.mark.parametrize("path", ["", "/post"])
def test_gunicorn_takes_no_path_from_a_header(tmp_path, path):
    """gunicorn trusts 127.0.0.1, where a proxy passes on what visitors send."""
    site = Site(tmp_path, DEBUG="1", MAILER_URL="console:")
    site.environment["PUBLIC_URL"] = site.url + path
    site.set_up()
    with site.running():
        for header in ("SCRIPT_NAME", "PATH_INFO"):
            wire = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
            wire.request("GET", f"{path}/accounts/login/", headers={header: "/evil/"})
            answer = wire.getresponse()
            text = answer.read().decode()
            assert answer.status == 200
            assert f'action="{path}/accounts/login/"' in text
            assert "evil" not in text
            wire.request("GET", f"{path}/static/site.css")
            style = wire.getresponse()
            style.read()
            assert style.status == 200
            wire.close()
