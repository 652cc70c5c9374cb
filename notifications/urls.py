from django.urls import path

from notifications import views

app_name = "notifications"
urlpatterns = [
    path("", views.Inbox.as_view(), name="list"),
    path("badge/", views.Badge.as_view(), name="badge"),
    path("read/", views.ReadAll.as_view(), name="read_all"),
    path("<int:pk>/open/", views.OpenNotification.as_view(), name="open"),
    path("<int:pk>/read/", views.MarkRead.as_view(), name="mark_read"),
    path("<int:pk>/unread/", views.MarkUnread.as_view(), name="mark_unread"),
    path("visit/<str:token>/", views.Visit.as_view(), name="visit"),
    path("preferences/", views.Preferences.as_view(), name="preferences"),
    path("preferences/<str:token>/", views.PreferencesOf.as_view(), name="preferences_of"),
    path("switch/<str:token>/", views.Switch.as_view(), name="switch"),
    # Some mailbox providers post without the slash, and a redirect would lose the POST.
    path("switch/<str:token>", views.Switch.as_view()),
    path("switch/<str:token>/back/", views.SwitchBack.as_view(), name="switch_back"),
    path("export/", views.DownloadNotifications.as_view(), name="export"),
    path("announcements/<int:pk>/", views.ReadAnnouncement.as_view(), name="announcement"),
]
