"""The page about oneself; all other pages of accounts are allauth's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import UpdateView

from accounts.forms import ProfileForm
from accounts.models import User

View = Callable[..., HttpResponseBase]


def in_one_transaction(view: View) -> View:
    """Commit what a form changes together with the mail about it.

    allauth commits the change first: a process that dies between the two would leave an account
    without its confirmation mail, or a new password nobody was told of.
    """
    whole = transaction.atomic(view)

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        chosen = whole if request.method == "POST" else view
        return chosen(request, *args, **kwargs)

    return wrapped


class ProfileView(LoginRequiredMixin, SuccessMessageMixin, UpdateView):
    form_class = ProfileForm
    template_name = "account/profile.html"
    success_url = reverse_lazy("account_profile")
    success_message = _("Your profile is saved.")

    def get_object(self, queryset: QuerySet[User] | None = None) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user
