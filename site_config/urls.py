"""Addresses of the site; each app keeps its own below its prefix."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, reverse_lazy
from django.views.generic import RedirectView

from home import views
from mailroom.status.metrics import metrics

urlpatterns = [
    path("", views.home, name="home"),
    path("samples/", views.send_samples, name="samples"),
    path("samples/stop/", views.stop_samples, name="samples_stop"),
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path(
        "newsletters/preferences/<str:token>/notifications/",
        RedirectView.as_view(url=reverse_lazy("notifications:preferences")),
    ),
    path("newsletters/", include("newsletters.urls")),
    path("notifications/", include("notifications.urls")),
    path("mail/", include("mailroom.urls")),
    path("metrics", metrics, name="metrics"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

if settings.DEBUG:
    urlpatterns.append(path("", include("sandbox.urls")))

handler400 = "home.views.bad_request"
handler403 = "home.views.permission_denied"
handler404 = "home.views.page_not_found"
handler500 = "home.views.server_error"
