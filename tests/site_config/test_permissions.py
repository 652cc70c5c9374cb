"""Which pages of the staff open to whom: every address of the admin and of the status page."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urljoin

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from django_ox.models import OxTask

from mailroom.models import Attempt, Delivery, Event, MailAccount, Suppression
from newsletters.models import Issue, Newsletter, Picture, SubscriberImport, Subscription
from newsletters.sending.publish import publish
from notifications.models import Announcement, Notification

GRACE, NAME = "grace@example.com", "Hopper"
OF_STAFF = re.compile(r"\^?(admin/|mail/status/)")
# What every member of the staff may open: pages that show nothing but their own account.
OPEN_TO_ALL = {"index", "login", "logout", "password_change", "password_change_done", "jsi18n"}
REFUSED = {302, 403, 404, 405}


def staff_patterns() -> Iterator[tuple[str, URLPattern]]:
    """Every route of the staff's pages, with its pattern."""

    def walk(patterns, before=""):
        for one in patterns:
            route = before + str(one.pattern)
            if isinstance(one, URLPattern):
                if OF_STAFF.match(route):
                    yield route, one
            else:
                yield from walk(one.url_patterns, route)

    return walk(get_resolver().url_patterns)


def address_of(route: str, pks: dict[str, object]) -> str:
    """The address of a route about a row that exists."""
    model = "/".join(route.split("/")[1:3])
    pk = str(pks.get(model, 1))
    route = re.sub(r"\^\(\?P<app_label>.*", "mailroom/", route)
    route = re.sub(r"\(\?P<url>.*", "no-such-page/", route)
    route = route.replace("<path:content_type_id>", str(pks["content_type"]))
    route = re.sub(r"<(path:object_id|int:pk|id)>", pk, route)
    assert not re.search(r"[<(^]", route), route
    return f"/{route}"


@pytest.fixture
def pks(transactional_db, outbox_mailers, drain) -> dict[str, object]:
    """A row of Grace in every table that the admin shows; the keys by `app/model`."""
    weekly = Newsletter.objects.create(name="Weekly", slug="weekly")
    grace = get_user_model().objects.create_user(GRACE, None, name=f"Grace {NAME}")
    Subscription.objects.create(
        newsletter=weekly, email=GRACE, name=f"Grace {NAME}", state="confirmed",
        confirmed_at=timezone.now(),
    )  # fmt: skip
    Issue.objects.create(newsletter=weekly, subject="Draft", slug="draft", body="Dear {name}")
    sent = Issue.objects.create(newsletter=weekly, subject="Sent", slug="sent", body="Dear {name}")
    publish(sent)
    drain()
    delivery = Delivery.objects.get()
    Attempt.objects.create(delivery=delivery, outcome="refused", error=GRACE)
    Event.objects.create(
        provider="p", event_id="1", kind="accepted", delivery=delivery, address=GRACE
    )
    Suppression.objects.create(address=GRACE, reason="bounced", note=NAME)
    MailAccount.objects.create(name=NAME, kind="smtp", from_email=GRACE)
    SubscriberImport.objects.create(
        newsletter=weekly, consent=NAME, file_name="list.csv", state="ready",
        sample=[["new", GRACE]], data=GRACE.encode(), problem_file=GRACE.encode(),
    )  # fmt: skip
    Picture.objects.create(digest="0" * 64, type="image/png", width=1, height=1, size=1)
    Announcement.objects.create(title=f"About {NAME}", body=NAME)
    Notification.objects.create(recipient=grace, kind="security", data={"from": GRACE})
    return {"content_type": ContentType.objects.get_for_model(Subscription).pk} | {
        f"{model._meta.app_label}/{model._meta.model_name}": first.pk
        for model in admin.site._registry
        if (first := model._base_manager.order_by("pk").last())
    }


def state() -> dict[str, list[dict]]:
    """All rows of all models but sessions; signing in again may change `last_login`."""
    models = [one for one in apps.get_models() if "session" not in one._meta.model_name]
    return {
        one._meta.label: [
            {name: value for name, value in row.items() if name != "last_login"}
            for row in one._base_manager.order_by("pk").values()
        ]
        for one in models
    }


def keys(rows: dict[str, list[dict]]) -> dict[str, list]:
    """The first column of each row, which no change touches."""
    return {name: [next(iter(row.values())) for row in some] for name, some in rows.items()}


def test_staff_without_permissions_see_and_change_nothing(client, pks):
    clerk = get_user_model().objects.create_user("clerk@example.com", None, is_staff=True)
    client.force_login(clerk)
    client.get("/admin/")
    before = state()
    faults = []
    for route, pattern in staff_patterns():
        page = address_of(route, pks)
        for answer in (client.get(page), client.post(page, {"post": "yes", "delivery": "1"})):
            shown = b"".join(answer.streaming_content) if answer.streaming else answer.content
            if answer.status_code not in REFUSED and pattern.name not in OPEN_TO_ALL:
                faults.append((answer.request["REQUEST_METHOD"], page, answer.status_code))
            if GRACE.encode() in shown or NAME.encode() in shown:
                faults.append((page, "shows Grace"))
        if pattern.name == "logout":
            client.force_login(clerk)
    assert faults == []
    after = state()
    assert [name for name in before if before[name] != after[name]] == []


@pytest.mark.parametrize("verb", ["view", "add", "change"])
def test_staff_who_have_one_permission_do_no_more_than_that(client, pks, verb):
    clerk = get_user_model().objects.create_user("clerk@example.com", None, is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__startswith=f"{verb}_"))
    client.force_login(clerk)
    client.get("/admin/")
    before = state()
    answers = []
    for route, pattern in staff_patterns():
        if pattern.name not in {"logout", "password_change"}:
            page = address_of(route, pks)
            client.get(page)
            answers.append((page, client.post(page, {"post": "yes", "delivery": "1"})))
    for model, desk in admin.site._registry.items():
        label = f"{model._meta.app_label}/{model._meta.model_name}"
        for action in ["delete_selected", *(desk.actions or ())]:
            name = action if isinstance(action, str) else action.__name__
            chosen = {"action": name, "_selected_action": pks.get(label, 1), "post": "yes"}
            answers.append((label, client.post(f"/admin/{label}/", chosen)))
    assert [page for page, answer in answers if answer.status_code >= 500] == []
    after = state()
    if verb == "change":
        before, after = keys(before), keys(after)
    lost = {name: [row for row in before[name] if row not in after[name]] for name in before}
    assert {name: rows for name, rows in lost.items() if rows} == {}
    if verb == "view":
        assert [name for name in before if before[name] != after[name]] == []


LINK = re.compile(r'(?:href|action|formaction|src|hx-get|hx-post)="([^"#?{]*)')


def own_links(page: str, text: str) -> set[str]:
    """Where the links, buttons and frames of a page of the admin lead to."""
    text = re.sub(r'(?s)<div class="readonly"><a href="[^"]*">', "", text)  # Django's own
    found = (urljoin(page, unescape(link)) for link in LINK.findall(text))
    return {one for one in found if one.startswith(("/admin/", "/mail/"))}


@pytest.mark.parametrize("verb", ["view", "change", "add"])
def test_no_link_leads_to_a_page_that_is_refused(client, pks, verb):
    """For members of the staff with one permission each."""
    refused = []
    pages = [(route, address_of(route, pks)) for route, _ in staff_patterns()]
    for model in admin.site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        clerk = get_user_model().objects.create_user(f"{name}@example.com", None, is_staff=True)
        codename = f"{verb}_{model._meta.model_name}"
        clerk.user_permissions.add(
            Permission.objects.get(codename=codename, content_type__app_label=model._meta.app_label)
        )
        client.force_login(clerk)
        links: dict[str, str] = {}
        opened = {"/admin/logout/"}
        for page in ["/admin/", *(page for route, page in pages if name in route)]:
            answer = client.get(page)
            assert answer.status_code < 500, page
            if answer.status_code == 200:
                opened.add(page)
                if not answer.streaming:
                    links |= dict.fromkeys(own_links(page, answer.text), page)
        refused += [
            (codename, links[link], link)
            for link in links.keys() - opened
            if client.get(link).status_code not in {200, 302, 405}
        ]
    assert refused == []


class TestTasks:
    """What a failed task quotes is not shown, not even to superusers."""

    @pytest.fixture
    def task(self, db) -> OxTask:
        return OxTask.objects.create(
            task_path="home.tasks.of_grace", args=[GRACE], kwargs={"who": GRACE},
            return_value=[GRACE], status="FAILED",
            backend_name="default", enqueued_at=timezone.now(),
            errors=[{
                "exception_class_path": "django.db.utils.IntegrityError",
                "traceback": f'''Traceback (most recent call last):
  File "/srv/mailroom/tasks.py", line 12, in send
    connect("smtp://grace:sw0rdfish@mail.example.com")
django.db.utils.IntegrityError: Key (email)=({GRACE}) exists.
  File "{GRACE}", line 1, in password
''',
            }],
        )  # fmt: skip

    @pytest.mark.parametrize("page", ["", "{}/change/", "{}/history/", "overview/"])
    def test_show_no_address_and_no_secret(self, admin_client, task, page):
        text = admin_client.get(f"/admin/django_ox/oxtask/{page.format(task.pk)}").text
        assert GRACE not in text
        assert "sw0rdfish" not in text

    def test_show_the_class_of_an_error_and_the_places_in_the_code(self, admin_client, task):
        text = admin_client.get(f"/admin/django_ox/oxtask/{task.pk}/change/").text
        assert "django.db.utils.IntegrityError" in text
        assert "/srv/mailroom/tasks.py&quot;, line 12, in send" in text
