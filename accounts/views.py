"""The page about oneself; all other pages of accounts are allauth's."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.db.models import QuerySet
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import UpdateView

from accounts.forms import ProfileForm
from accounts.models import User


class ProfileView(LoginRequiredMixin, SuccessMessageMixin, UpdateView):
    form_class = ProfileForm
    template_name = "account/profile.html"
    success_url = reverse_lazy("account_profile")
    success_message = _("Your profile is saved.")

    def get_object(self, queryset: QuerySet[User] | None = None) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user
