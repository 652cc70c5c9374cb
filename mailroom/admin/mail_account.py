"""Mail accounts in the admin: entered field by field, tested, replaced, never shown again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.html import format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.debug import SafeExceptionReporterFilter
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from mailroom.admin.own_views import ObjectStep, OwnViewsAdmin
from mailroom.config.channels import channels
from mailroom.config.hosts import PORTS, loopback_hosts
from mailroom.delivery import breaker
from mailroom.models import Delivery, MailAccount
from mailroom.models.mail_account import ACCOUNT_KINDS, NO_TLS, Setting, fernet, kind_choices
from mailroom.status.actions import test

MANY = 1_000  # waiting emails that are counted


class _HidingFilter(SafeExceptionReporterFilter):
    """Hides what is sensitive with DEBUG, too: a credential is never shown."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True


class MailAccountForm(forms.ModelForm):
    """An account's fields; those of its kind are added by `form_for`."""

    kind = ""
    channels = forms.MultipleChoiceField(
        label=_("Channels"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "None chosen: all. Emails with sign-in links or codes never use a mail account."
        ),
    )

    class Meta:
        model = MailAccount
        fields = (
            *("name", "owner", "from_email", "reply_to", "channels"),
            *("rate", "daily_cap", "when_down", "active"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = self.instance.kind or self.kind
        self.fields["channels"].choices = [(one, one) for one in channels()]  # type: ignore[attr-defined]
        for setting in ACCOUNT_KINDS[self.instance.kind]:
            if setting.name in self.instance.options:
                self.initial.setdefault(setting.name, self.instance.options[setting.name])

    def clean(self) -> dict[str, Any]:
        """Put the kind's settings into the account, whose own `clean` judges them."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        account, before = self.instance, self.instance.options
        given = {
            one: cleaned[one.name] for one in ACCOUNT_KINDS[account.kind] if cleaned.get(one.name)
        }
        secrets = {one.name: value for one, value in given.items() if one.is_secret}
        account.options = {one.name: value for one, value in given.items() if not one.is_secret}
        for one, value in given.items():
            if one.is_secret and (problem := one.problem(value)):
                self.add_error(one.name, problem)
        if account.kind == "smtp" and not self.errors:
            self._check_login(bool(secrets), is_moved=before != account.options)
        try:
            if secrets:
                account.set_secrets(**secrets)
            else:
                fernet()
        except ImproperlyConfigured as error:
            raise forms.ValidationError(str(error)) from None
        return cleaned

    def _check_login(self, has_password: bool, *, is_moved: bool) -> None:
        """A user name and a password belong together; without a name, no password is kept."""
        account = self.instance
        missing = {one.name: one.missing() for one in ACCOUNT_KINDS["smtp"]}
        if "username" not in account.options:
            account.encrypted = ""
            if has_password:
                self.add_error("username", missing["username"])
        elif not (has_password or account.encrypted):
            self.add_error("password", missing["password"])
        elif is_moved and not has_password:
            text = _("Enter the password again: it is sent only to the server it was entered for.")
            self.add_error("password", text)

    def add_error(self, field: str | None, error: Any) -> None:
        """Say one thing about a field: what the account misses is missing since it was refused."""
        if hasattr(error, "error_dict"):
            kept = {name: own for name, own in error.error_dict.items() if name not in self.errors}
            error = forms.ValidationError(kept)
        super().add_error(field, error)


def form_for(kind: str, *, is_new: bool) -> type[MailAccountForm]:
    """The form class of a kind of account."""
    own = {setting.name: _field(setting, is_new=is_new) for setting in ACCOUNT_KINDS[kind]}
    return type("KindForm", (MailAccountForm,), {**own, "kind": kind})


def _field(setting: Setting, *, is_new: bool) -> forms.Field:
    options: dict[str, Any] = {"label": capfirst(setting.label), "required": setting.is_required}
    if setting.is_secret:
        if not is_new:
            options |= {"required": False, "help_text": _("Stored, and not shown. Empty: keep it.")}
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "size": 40})
        return forms.CharField(max_length=500, strip=True, widget=widget, **options)
    if setting.choices:
        choices = [one for one in setting.choices if one != NO_TLS or loopback_hosts()]
        return forms.ChoiceField(choices=choices, **options)
    if setting.name == "port":
        ports = ", ".join(map(str, PORTS))
        return forms.IntegerField(
            min_value=1, max_value=65535, initial=587, help_text=_("One of %s.") % ports, **options
        )
    if setting.name == "host":
        options["help_text"] = _("The name of a public mail server, such as smtp.example.com.")
    return forms.CharField(max_length=253, **options)


class SendTestEmail(ObjectStep):
    """Send a test email by the account to the user who asks."""

    model = MailAccount

    def is_allowed(self, request: HttpRequest) -> bool:
        return super().is_allowed(request) and self.model_admin.has_test_permission(request)

    def take(self, request: HttpRequest, obj: MailAccount) -> None:
        level, text = test(obj.alias, request)
        messages.add_message(request, level, text)
        self.model_admin.log_change(request, obj, "Sent a test email.")


@admin.register(MailAccount)
class MailAccountAdmin(OwnViewsAdmin):
    change_form_template = "mailroom/admin/mailaccount/change_form.html"
    list_display = ["name", "owner", "kind", "from_email", "active", "health", "last_error"]
    list_filter = ["active", "kind"]
    search_fields = ["name", "owner", "from_email"]
    actions = ["activate", "deactivate"]
    own_views = {"<int:pk>/test/": SendTestEmail}
    readonly_fields = ["kind", "address", "health", "last_error", "waiting", "used_by"]

    class Media:
        css = {"all": ["mailroom/admin.css"]}

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kind = obj.kind if obj else request.GET.get("kind", "")
        kwargs["form"] = form_for(kind if kind in ACCOUNT_KINDS else "smtp", is_new=obj is None)
        kwargs["fields"] = MailAccountForm.Meta.fields
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        kind = obj.kind if obj else request.GET.get("kind", "")
        is_editable = self.has_change_permission(request, obj) if obj else True
        own = [one.name for one in ACCOUNT_KINDS.get(kind, ())] if is_editable else ["address"]
        shown = ["health", "last_error", "waiting", "used_by"] if obj else []
        return [
            (None, {"fields": ["name", "owner", *(["kind"] if obj else []), "active"]}),
            *([(dict(kind_choices())[kind], {"fields": own})] if own else []),
            (_("Sender"), {"fields": ["from_email", "reply_to"]}),
            (_("Use"), {"fields": ["channels", "rate", "daily_cap", "when_down"]}),
            *([(_("State"), {"fields": shown})] if shown else []),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for the kind first: each has fields of its own."""
        if request.GET.get("kind") not in ACCOUNT_KINDS:
            if not self.has_add_permission(request):
                raise PermissionDenied
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": _("Add a mail account"),
                "kinds": kind_choices(),
                "has_view_permission": self.has_view_permission(request),
            }
            return render(request, "mailroom/admin/mailaccount/kinds.html", context)
        return super().add_view(request, form_url, extra_context)

    @method_decorator(sensitive_post_parameters())
    @method_decorator(sensitive_variables())
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        request.exception_reporter_filter = _HidingFilter()
        may_test = self.has_test_permission(request) and object_id is not None
        context = {**(extra_context or {}), "may_test": may_test}
        return super().changeform_view(request, object_id, form_url, context)

    # -- Acting on it --------------------------------------------------------------------------

    def has_test_permission(self, request: HttpRequest) -> bool:
        """For the button that sends a test."""
        return request.user.has_perm("mailroom.test_mailaccount")

    @admin.action(description=_("Deactivate (send nothing through them)"), permissions=["change"])
    def deactivate(self, request: HttpRequest, chosen: QuerySet[MailAccount]) -> None:
        self._set_active(request, chosen, to=False)

    @admin.action(description=_("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, chosen: QuerySet[MailAccount]) -> None:
        self._set_active(request, chosen, to=True)

    def _set_active(self, request: HttpRequest, chosen: QuerySet[MailAccount], *, to: bool) -> None:
        for account in chosen.exclude(active=to):
            account.active = to
            account.save(update_fields=["active"])
            self.log_change(request, account, "Activated." if to else "Deactivated.")
        text = _("The mail accounts are active.") if to else _("The mail accounts are deactivated.")
        self.message_user(request, text, messages.SUCCESS)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """An account that email waits for is protected, as one that something refers to."""
        found, counts, needed, protected = super().get_deleted_objects(objs, request)
        for one in objs:
            if number := _waiting(one):
                text = gettext("Emails that wait for %(name)s: %(number)s")
                protected.append(text % {"name": one.name, "number": number})
        return found, counts, needed, protected

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MailAccount]) -> None:
        for one in queryset:
            one.delete()

    # -- What is shown -------------------------------------------------------------------------

    @admin.display(description=_("address"))
    def address(self, account: MailAccount) -> str:
        return account.address

    @admin.display(description=_("health"))
    def health(self, account: MailAccount) -> str:
        row = breaker.health(account.alias)
        return str(row.get_mode_display() if row.mode else row.get_state_display())

    @admin.display(description=_("last error"))
    def last_error(self, account: MailAccount) -> str:
        return breaker.health(account.alias).error or "–"

    @admin.display(description=_("waiting"))
    def waiting(self, account: MailAccount) -> str:
        number = _waiting(account)
        return str(number) if number <= MANY else gettext("more than %s") % MANY

    @admin.display(description=_("used by"))
    def used_by(self, account: MailAccount) -> str:
        """What refers to it, whichever app that belongs to."""
        users = [
            (one._meta.verbose_name, str(one))
            for relation in MailAccount._meta.related_objects
            for one in relation.related_model._base_manager.filter(**{relation.field.name: account})
        ]
        return format_html_join(", ", "{}: {}", users) or "–"


def _waiting(account: MailAccount) -> int:
    waiting = Delivery.objects.unfinished().filter(route=account.alias)
    return waiting[: MANY + 1].count()
