from django.urls import include, path

from mailroom.status import views

urlpatterns = [
    path("status/", views.status, name="mail_status"),
    path("status/act/", views.act, name="mail_status_act"),
    path("webhooks/", include("anymail.urls")),
]
