"""Who may see the readers of a newsletter: only editors who may view subscriptions."""

from itertools import product

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone

from mailroom.worker import process
from newsletters.models import Issue, SubscriberImport
from newsletters.sending.publish import publish

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
    publish(draft)
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


IMPORTING = {"add_subscription", "change_subscription", "view_subscription"}


@pytest.mark.parametrize("missing", sorted(IMPORTING))
def test_an_import_needs_the_permissions_to_add_change_and_view_subscriptions(
    author, writer, weekly, missing
):
    rights = Permission.objects.filter(codename__in=IMPORTING - {missing})
    writer.user_permissions.add(*rights)
    row = SubscriberImport.objects.create(
        newsletter=weekly, sample=[["new", GRACE]], problem_file=GRACE.encode(), state="ready"
    )
    pages = ("add/", f"{row.pk}/change/", f"{row.pk}/progress/", f"{row.pk}/problems/", "")
    for page in pages:
        assert author.get(f"/admin/newsletters/subscriberimport/{page}").status_code == 403
    assert author.post(f"/admin/newsletters/subscriberimport/{row.pk}/start/").status_code == 403
    writer.user_permissions.add(Permission.objects.get(codename=missing))
    assert GRACE in author.get(f"/admin/newsletters/subscriberimport/{row.pk}/change/").text


STEPS = ["pause", "resume", "cancel", "retry", "duplicate", "test", "count-as-sent", "send-again"]


def test_which_issues_exist_is_not_shown_to_users_who_may_not_publish(client, draft):
    clerk = get_user_model().objects.create_user("clerk@example.com", None, is_staff=True)
    client.force_login(clerk)
    for pk, step in product((draft.pk, draft.pk + 1), [*STEPS, "undo"]):
        assert client.post(f"{ISSUES}{pk}/{step}/").status_code == 403


def test_a_draft_takes_no_step_of_sending(client, editor, draft):
    client.force_login(editor)
    named = {"delivery": ["1", "9" * 19, "9" * 5000]}
    for step, fields in product(STEPS, [{}, {"all": "1"}, named]):
        assert client.post(f"{ISSUES}{draft.pk}/{step}/", fields).status_code == 302
        draft.refresh_from_db()
        assert draft.is_draft


@pytest.mark.parametrize("state", ["sending", "paused", "sent", "cancelled"])
def test_an_issue_whose_message_was_removed_by_retention_takes_none(client, editor, draft, state):
    Issue.objects.filter(pk=draft.pk).update(state=state, publish_at=timezone.now())
    client.force_login(editor)
    for step in STEPS:
        assert client.post(f"{ISSUES}{draft.pk}/{step}/", {"all": "1"}).status_code == 302
    assert client.get(f"{ISSUES}{draft.pk}/change/").status_code == 200


def test_subscriptions_cannot_be_listed_or_exported(author, grace):
    for page in ("", "export/"):
        assert author.get(f"/admin/newsletters/subscription/{page}").status_code == 403
