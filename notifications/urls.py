from django.urls import path

from notifications import views

app_name = "notifications"
urlpatterns = [
    path("", views.Inbox.as_view(), name="list"),
    path("read/", views.ReadAll.as_view(), name="read_all"),
    path("<int:pk>/open/", views.OpenNotification.as_view(), name="open"),
    path("preferences/", views.Preferences.as_view(), name="preferences"),
    path("announcements/<int:pk>/", views.ReadAnnouncement.as_view(), name="announcement"),
]
