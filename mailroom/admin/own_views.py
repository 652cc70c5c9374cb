"""What ModelAdmins with pages and buttons of their own have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.generic import DetailView, View
from django.views.generic.detail import SingleObjectMixin


class OwnViewsAdmin(admin.ModelAdmin):
    """A ModelAdmin with views of its own.

    own_views: by the address below the model's list, such as `<int:pk>/test/`, the name of a method
    or a class below. A view is named after its model and the words of its address:
    `admin:mailroom_mailaccount_test`.
    """

    own_views: Mapping[str, str | type[AdminView]] = {}

    def get_urls(self) -> list[URLPattern]:
        model = f"{self.opts.app_label}_{self.opts.model_name}"
        urls = []
        for address, view in self.own_views.items():
            function = (
                getattr(self, view) if isinstance(view, str) else view.as_view(model_admin=self)
            )
            words = [word for word in address.split("/") if word and not word.startswith("<")]
            name = "_".join([model, *words])
            urls.append(path(address, self.admin_site.admin_view(function), name=name))
        return urls + super().get_urls()


class AdminView(View):
    """A view of a ModelAdmin, for users it is allowed to; 403 for others."""

    model_admin: Any = None  # the ModelAdmin, given by as_view

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.is_allowed(request):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def is_allowed(self, request: HttpRequest) -> bool:
        return bool(self.model_admin.has_view_permission(request))


class ObjectPage(AdminView, DetailView):
    """A page about one object."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = self.model_admin.admin_site.each_context(self.request)
        return super().get_context_data(**{**site, "opts": self.model_admin.opts, **kwargs})


class ObjectStep(SingleObjectMixin, AdminView):
    """A button: do something to one object, say what came of it, and go back to its page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        opts = self.model_admin.opts
        change = f"admin:{opts.app_label}_{opts.model_name}_change"
        return self.take(request, self.get_object()) or redirect(change, pk)

    def take(self, request: HttpRequest, obj: Any) -> HttpResponse | None:
        """Do it, with a message. Return where to go instead of the object's page, if anywhere."""
        raise NotImplementedError
