"""Public pages. The fixed words come first: no newsletter may be named like one."""

from django.urls import path

from newsletters import views
from newsletters.feeds import IssueFeed

app_name = "newsletters"

urlpatterns = [
    path("", views.NewsletterList.as_view(), name="list"),
    path("confirm/<str:token>/", views.Confirm.as_view(), name="confirm"),
    path("unsubscribe/<str:token>/", views.Unsubscribe.as_view(), name="unsubscribe"),
    path("unsubscribe/<str:token>/why/", views.SayWhy.as_view(), name="why"),
    path("unsubscribe/<str:token>/undo/", views.UndoUnsubscribe.as_view(), name="undo"),
    path("preferences/<str:token>/", views.Preferences.as_view(), name="preferences"),
    path("preferences/<str:token>/export/", views.Export.as_view(), name="export"),
    path("preferences/<str:token>/forget/", views.Forget.as_view(), name="forget"),
    path("pictures/<str:digest>.<str:extension>", views.PictureFile.as_view(), name="picture"),
    path("<slug:slug>/", views.NewsletterPage.as_view(), name="newsletter"),
    path("<slug:slug>/join/", views.Join.as_view(), name="join"),
    path("<slug:slug>/feed/", IssueFeed(), name="feed"),
    path("<slug:newsletter>/<slug:slug>/", views.IssuePage.as_view(), name="issue"),
]
