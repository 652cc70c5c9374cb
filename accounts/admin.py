"""People in the admin, whose log-in is allauth's, so that two factors count there too."""

from typing import Any

import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from mailroom.addresses import AddressFormField

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    list_display = ("email", "name", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_superuser", "is_active", "language", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
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


class WithoutSecret:
    """Rows that open an account: they can be looked at, but for their secret, and deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister([Authenticator, EmailAddress, UserSession])


@admin.register(EmailAddress)
class EmailAddressAdmin(allauth.account.admin.EmailAddressAdmin):
    formfield_overrides = {models.EmailField: {"form_class": AddressFormField}}


@admin.register(Authenticator)
class AuthenticatorAdmin(WithoutSecret, allauth.mfa.admin.AuthenticatorAdmin):
    exclude = ("data",)


@admin.register(UserSession)
class UserSessionAdmin(WithoutSecret, allauth.usersessions.admin.UserSessionAdmin):
    exclude = ("session_key", "data")
    search_fields = ("user__email", "ip")  # allauth's own asks for a user name
