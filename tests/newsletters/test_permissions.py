"""Who may see the readers of a newsletter: only editors who may view subscriptions."""

import pytest
from django.contrib.auth.models import Permission

from mailroom.worker import process

ISSUES = "/admin/newsletters/issue/"
GRACE = "grace@example.com"


@pytest.fixture
def author(client, writer):
    """Writes issues, and may not view subscriptions."""
    writer.user_permissions.add(Permission.objects.get(codename="add_issue"))
    client.force_login(writer)
    return client


@pytest.fixture
def librarian(author, writer):
    """May view subscriptions as well."""
    writer.user_permissions.add(Permission.objects.get(codename="view_subscription"))
    return author


@pytest.fixture
def grace(subscribed):
    return subscribed(GRACE, "Grace Hopper")


@pytest.fixture
def sent(transactional_db, outbox_mailers, grace, draft):
    draft.publish()
    process.drain()
    return draft


def form_of(weekly) -> dict[str, object]:
    return {
        "newsletter": weekly.pk,
        "subject": "Hello {name}",
        "slug": "new",
        "body": "Hello {name}",
        "reader": GRACE,
    }


PREVIEWS = ["preview/", "preview/?look=text", "preview/?look=headers", "frame/"]


@pytest.mark.parametrize("page", PREVIEWS)
def test_a_preview_names_no_subscriber_to_who_may_not_see_them(author, grace, draft, page):
    joiner = "&" if "?" in page else "?"
    shown = author.get(f"{ISSUES}{draft.pk}/{page}{joiner}reader={GRACE}")

    assert shown.status_code == 200
    assert "Grace" not in shown.text
    assert GRACE not in shown.text


def test_a_preview_greets_the_subscriber_for_who_may_see_them(librarian, grace, draft):
    assert GRACE in librarian.get(f"{ISSUES}{draft.pk}/preview/?reader={GRACE}").text


@pytest.mark.parametrize("look", ["desktop", "text", "headers"])
@pytest.mark.parametrize("page", ["frame", "checks"])
def test_the_preview_while_writing_names_none_either(author, grace, weekly, page, look):
    shown = author.post(f"{ISSUES}draft/{page}/", {**form_of(weekly), "look": look})

    assert shown.status_code == 200
    assert "Grace" not in shown.text


def test_the_form_offers_no_subscribers_to_choose_from(author, grace, draft):
    for page in (f"{ISSUES}add/", f"{ISSUES}{draft.pk}/change/"):
        assert GRACE not in author.get(page).text


def test_the_report_shows_figures_but_no_recipients(author, sent):
    page = author.get(f"{ISSUES}{sent.pk}/report/?search=grace")

    assert page.status_code == 200
    assert "accepted" in page.text
    assert GRACE not in page.text
    assert "recipients/" not in page.text


def test_recipients_cannot_be_downloaded(author, sent):
    assert author.get(f"{ISSUES}{sent.pk}/recipients/").status_code == 403


def test_who_may_view_subscriptions_sees_and_downloads_recipients(librarian, sent):
    assert GRACE in librarian.get(f"{ISSUES}{sent.pk}/report/").text
    download = librarian.get(f"{ISSUES}{sent.pk}/recipients/")
    assert GRACE.encode() in b"".join(download.streaming_content)


def test_subscriptions_cannot_be_listed_or_exported(author, grace):
    for page in ("", "export/"):
        assert author.get(f"/admin/newsletters/subscription/{page}").status_code == 403
