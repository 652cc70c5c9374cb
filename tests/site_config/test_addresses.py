"""One rule for addresses in every form, import and lookup of the site."""

import importlib
import pkgutil

import pytest
from allauth.account.models import EmailAddress
from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import models
from django.test import RequestFactory

import accounts
import home
import mailroom
import newsletters
import notifications
import site_config
from accounts import forms as account_forms
from accounts.emails import account_message
from mailroom.addresses import AddressField, AddressFormField
from mailroom.delivery.feedback import handle_waiting
from mailroom.models import Delivery, Event, Suppression
from newsletters.models import Newsletter, Subscription
from newsletters.subscribers import tokens

pytestmark = pytest.mark.django_db(transaction=True)

LOOKALIKE, VICTIM = "mike@g\u0131thub.test", "mike@github.test"
WRONG = ["a@[127.0.0.1]", "a@b\u2028c.test", "j\u00fcrgen@example.com", "\u212aelvin@example.com"]


def own_forms() -> list[type[forms.BaseForm]]:
    for package in (accounts, home, mailroom, newsletters, notifications, site_config):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name and module.name.endswith(
                ("forms", "admin", "views")
            ):
                importlib.import_module(module.name)

    def below(kind: type) -> set[type]:
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    own = [one for one in below(forms.BaseForm) if one.__module__.split(".")[0] in APPS]
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_active=True, is_superuser=True)
    admins = [
        model_admin.get_form(request)
        for model, model_admin in admin.site._registry.items()
        if model._meta.app_label in {*APPS, "account"}
        and model_admin.has_change_permission(request)
    ]
    return [*own, *admins]


APPS = {"accounts", "home", "mailroom", "newsletters", "notifications", "site_config"}


def test_every_form_has_our_field(rf):
    wrong = [
        f"{form.__module__}.{form.__name__}.{name}"
        for form in own_forms()
        for name, field in getattr(form, "base_fields", {}).items()
        if isinstance(field, forms.EmailField) and not isinstance(field, AddressFormField)
    ]
    assert wrong == []
    assert isinstance(account_forms.LoginForm().fields["login"], AddressFormField)


def test_every_model_has_our_column():
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in APPS
        for field in model._meta.concrete_fields
        if isinstance(field, models.EmailField) and not isinstance(field, AddressField)
    ]
    assert wrong == []


class TestForms:
    @pytest.fixture
    def weekly(self) -> Newsletter:
        return Newsletter.objects.create(name="Weekly", slug="weekly")

    @pytest.mark.parametrize("text", WRONG)
    @pytest.mark.parametrize(
        ("page", "field"),
        [
            ("/accounts/signup/", "email"),
            ("/accounts/login/", "login"),
            ("/accounts/password/reset/", "email"),
            ("/accounts/login/code/", "email"),
            ("/newsletters/weekly/", "email"),
        ],
    )
    def test_say_why_an_address_is_refused(self, client, weekly, page, field, text):
        data = {field: text, "name": "A", "password": "x", "password1": "correct-horse-42"}
        answer = client.post(page, data | {"password2": "correct-horse-42"})
        assert answer.status_code == 200
        assert answer.context["form"].errors[field]
        assert not get_user_model().objects.exists()
        assert not Delivery.objects.exists()

    @pytest.mark.parametrize(
        ("page", "field"),
        [
            ("/admin/accounts/user/add/", "email"),
            ("/admin/newsletters/subscription/add/", "email"),
            ("/admin/mailroom/suppression/add/", "address"),
        ],
    )
    def test_of_the_admin_too(self, client, page, field):
        client.force_login(get_user_model().objects.create_superuser("editor@example.com"))
        for text in WRONG:
            answer = client.post(page, {field: text})
            assert answer.status_code == 200
            assert answer.context["adminform"].form.errors[field]

    def test_the_key_is_stored(self, client, weekly):
        for text in ("Ann@FAẞ.de", "ann@xn--fa-hia.de"):
            client.post("/newsletters/weekly/", {"email": text})
        assert Subscription.objects.get().email == "ann@xn--fa-hia.de"

    def test_the_command_line_too(self):
        call_command("createsuperuser", email="Boss@FAß.de", interactive=False, verbosity=0)
        assert get_user_model().objects.get().email == "boss@xn--fa-hia.de"
        for text in WRONG:
            with pytest.raises(CommandError):
                call_command("createsuperuser", email=text, interactive=False)


class TestLookalikes:
    """PostgreSQL's UPPER() maps a dotless i to I: a case-insensitive look-up finds both."""

    @pytest.fixture
    def victim(self):
        user = get_user_model().objects.create_user(VICTIM, "correct-horse-42", name="Mike")
        EmailAddress.objects.create(user=user, email=VICTIM, verified=True, primary=True)
        weekly = Newsletter.objects.create(name="Weekly", slug="weekly")
        Subscription.objects.create(newsletter=weekly, email=VICTIM, state="confirmed")
        Suppression.objects.create(address=VICTIM, reason="manual")
        return user

    def test_neither_reads_nor_erases(self, client, victim):
        page = f"/newsletters/preferences/all/{tokens.access_token(LOOKALIKE)}/"
        found = client.post(f"{page}export/").json()
        assert found["subscriptions"] == found["stopped"] == []
        client.post(f"{page}forget/", {"sure": "on"})
        assert Subscription.objects.get().email == VICTIM
        assert Suppression.objects.get().address == VICTIM

    def test_gets_neither_the_account_nor_its_name(self, client, victim):
        assert account_message("account/email/login_code", LOOKALIKE, {}).context["name"] == ""
        client.post("/accounts/login/", {"login": LOOKALIKE, "password": "correct-horse-42"})
        assert "_auth_user_id" not in client.session
        client.post("/accounts/password/reset/", {"email": LOOKALIKE})
        assert not Delivery.objects.exists()
        with pytest.raises(get_user_model().DoesNotExist):
            get_user_model().objects.get_by_natural_key(LOOKALIKE)

    def test_can_have_an_account_of_its_own(self, victim):
        get_user_model().objects.create_user(LOOKALIKE)
        assert get_user_model().objects.count() == 2


class TestReports:
    """Providers spell an address in their own way."""

    @pytest.fixture
    def row(self, outbox_mailers) -> Delivery:
        from django.core.mail import EmailMessage

        EmailMessage("Hi", "Hi", to=["Ann@FAß.de"]).send(using="default")
        return Delivery.objects.get()

    @pytest.mark.parametrize("spelling", ["ann@faß.de", "ANN@XN--FA-HIA.DE", "Ann <ann@faß.de>"])
    def test_find_their_row(self, row, spelling):
        Delivery.objects.update(provider_id="p-1", state="sent")
        event = Event(provider="p", event_id="1", kind="hard_bounce", told_provider_id="p-1")
        event.address = spelling
        from mailroom.addresses import address_key

        event.address = address_key(spelling)
        event.save()
        handle_waiting()
        assert Event.objects.get().delivery == row
        assert Suppression.objects.of(spelling).exists()

    @pytest.mark.parametrize("is_signed", [True, False])
    def test_our_signed_id_outweighs_a_spelling(self, row, is_signed):
        Event.objects.create(
            provider="p", event_id="1", kind="hard_bounce", address="somebody@else.example",
            told_delivery=row.pk, is_signed=is_signed, received_at="2020-01-01T00:00Z",
        )  # fmt: skip
        handle_waiting()
        assert bool(Event.objects.get().delivery) is is_signed
        assert Suppression.objects.of(row.address).exists() is is_signed
