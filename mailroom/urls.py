from django.urls import path

from mailroom.status import views
from mailroom.webhooks.views import tracking

urlpatterns = [
    path("status/", views.status, name="mail_status"),
    path("status/act/", views.act, name="mail_status_act"),
    path("webhooks/<slug:provider>/tracking/", tracking, name="mail_webhook"),
]
