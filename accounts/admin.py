"""People in the admin, whose log-in is allauth's, so that two factors count there too."""

from collections.abc import Iterator
from typing import Any

import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin
from allauth.account.adapter import get_adapter
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.core import context, ratelimit
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminPasswordChangeForm as OwnPasswordForm
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.own_data import delete_account, delete_waiting_accounts
from mailroom.admin.erasing import ErasingAdmin
from mailroom.admin.timeline import Link, add_links
from mailroom.models import Delivery


def notify_owner(user: User, email: str, to: str = "", **values: Any) -> None:
    """Send an account's owner a security notice about a change that was made in the admin.

    email: allauth's prefix of the notice. to: another address than the account's own.
    """
    values["by_admin"] = context.request.user != user
    get_adapter().send_notification_mail(email, user, values, to or user.email)


class NotifiedOwnPasswordForm(OwnPasswordForm):
    """`/admin/password_change/`, limited and reported as `/accounts/password/change/` is."""

    def clean_old_password(self) -> str:
        if not ratelimit.consume(context.request, action="change_password"):
            raise get_adapter().validation_error("rate_limited")
        return super().clean_old_password()

    @transaction.atomic
    def save(self, commit: bool = True) -> Any:
        user = super().save(commit)
        notify_owner(user, "account/email/password_changed")
        return user


class NotifiedPasswordForm(AdminPasswordChangeForm):
    """The page on which an administrator sets or removes somebody's password."""

    @transaction.atomic
    def save(self, commit: bool = True) -> Any:
        user = super().save(commit)
        notify_owner(user, "account/email/password_changed")
        return user


admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change_form = NotifiedOwnPasswordForm


@add_links
def account_links(request: HttpRequest, delivery: Delivery) -> Iterator[Link]:
    """The account of the person a delivery went to, for its page."""
    if request.user.has_perm("accounts.view_user"):
        for user in User.objects.filter(email=delivery.address):
            yield Link(_("Account of %(email)s") % {"email": user.email}, _page_of(user))


def _page_of(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


class ByRank:
    """Accounts of the staff are changed and deleted by superusers only, and so are permissions.

    Anybody else who may change accounts could give themselves every permission, or take over an
    account that has them by its address, its password or its second factor.
    """

    def owner_of(self, row: Any) -> User:
        """Return the account that a row belongs to."""
        owner: User = row.user
        return owner

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_change_permission(request, obj)  # type: ignore[misc]
        return may and self._outranks(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)  # type: ignore[misc]
        return may and self._outranks(request, obj)

    def _outranks(self, request: HttpRequest, obj: Any) -> bool:
        if obj is None or request.user.is_superuser:
            return True
        owner = self.owner_of(obj)
        return not (owner.is_staff or owner.is_superuser)


RANK = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(ByRank, ErasingAdmin, DjangoUserAdmin):
    list_display = ("email", "name", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_superuser", "is_active", "language", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
    change_password_form = NotifiedPasswordForm
    task = delete_waiting_accounts
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Language and time"), {"fields": ("language", "time_zone")}),
        (
            _("Permissions"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )

    def owner_of(self, row: User) -> User:
        return row

    def has_add_permission(self, request: HttpRequest) -> bool:
        """With the permission to change users too, as the page to add one demands."""
        return super().has_add_permission(request) and self.has_change_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only superusers decide who is staff, and what they may do."""
        locked = () if request.user.is_superuser else RANK
        return [*super().get_readonly_fields(request, obj), *locked]

    def erase(self, row: User) -> None:
        delete_account(row)

    def stop(self, rows: models.QuerySet[User]) -> None:
        rows.update(is_active=False)

    def save_model(
        self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool
    ) -> None:
        """A new address replaces those that allauth knows, and has to be confirmed by its owner."""
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            before = form.initial["email"]
            obj.emailaddress_set.exclude(email=obj.email).delete()  # type: ignore[attr-defined]
            EmailAddress.objects.update_or_create(
                user=obj, email=obj.email, defaults={"primary": True}
            )
            details = {"from_email": before, "to_email": obj.email}
            notify_owner(obj, "account/email/email_changed", to=before, **details)


class WithoutSecret(ByRank):
    """Rows that open an account: they can be looked at, but for their secret, and deleted.

    Owners are notified of what is deleted, by the prefix that `notice_of` names.
    """

    def notice_of(self, row: Any) -> tuple[str, dict[str, str]]:
        """Return allauth's prefix of the notice and its values; "" for no notice."""
        return "", {}

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)  # type: ignore[misc]
        self._notify([obj])

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        rows = list(queryset.select_related("user"))
        super().delete_queryset(request, queryset)  # type: ignore[misc]
        self._notify(rows)

    def _notify(self, rows: list[Any]) -> None:
        for row in rows:
            prefix, values = self.notice_of(row)
            if prefix:
                notify_owner(row.user, prefix, **values)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister([Authenticator, EmailAddress, Group, UserSession])


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    """The permissions of groups, which only superusers give: a member may be who changes them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Authenticator)
class AuthenticatorAdmin(WithoutSecret, allauth.mfa.admin.AuthenticatorAdmin):
    exclude = ("data",)

    def notice_of(self, row: Authenticator) -> tuple[str, dict[str, str]]:
        types = Authenticator.Type
        notices = {types.TOTP: "totp_deactivated", types.WEBAUTHN: "webauthn_removed"}
        name = notices.get(types(row.type))
        return (f"mfa/email/{name}" if name else ""), {}


@admin.register(EmailAddress)
class EmailAddressAdmin(WithoutSecret, allauth.account.admin.EmailAddressAdmin):
    """The addresses that people sign in with. They change on the page of the person."""

    def has_verify_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("account.change_emailaddress")

    def notice_of(self, row: EmailAddress) -> tuple[str, dict[str, str]]:
        return "account/email/email_deleted", {"deleted_email": row.email}

    @admin.action(description=_("Mark as verified"), permissions=["verify"])
    def make_verified(self, request: HttpRequest, queryset: models.QuerySet[EmailAddress]) -> None:
        if not request.user.is_superuser:
            queryset = queryset.filter(user__is_staff=False, user__is_superuser=False)
        rows = list(queryset.filter(verified=False).select_related("user"))
        super().make_verified(request, queryset)
        for row in rows:
            notify_owner(row.user, "account/email/email_confirm", to=row.email)


@admin.register(UserSession)
class UserSessionAdmin(WithoutSecret, allauth.usersessions.admin.UserSessionAdmin):
    exclude = ("session_key", "data")
    search_fields = ("user__email", "ip")  # allauth's own asks for a user name

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        """Signing that browser out: to delete the row alone would only hide it."""
        obj.end()

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[UserSession]) -> None:
        for session in queryset:
            session.end()
