"""Public pages. The fixed words come first: no newsletter may be named like one."""

from django.urls import path

from newsletters import views
from newsletters.feeds import IssueFeed
from newsletters.views.moved import follow_moves

app_name = "newsletters"

urlpatterns = [
    path("", views.NewsletterList.as_view(), name="list"),
    path("confirm/<str:token>/", views.Confirm.as_view(), name="confirm"),
    path("unsubscribe/<str:token>/", views.Unsubscribe.as_view(), name="unsubscribe"),
    # Some mailbox providers drop the slash, and follow no redirect with a POST.
    path("unsubscribe/<str:token>", views.Unsubscribe.as_view()),
    path("unsubscribe/<str:token>/why/", views.SayWhy.as_view(), name="why"),
    path("unsubscribe/<str:token>/undo/", views.UndoUnsubscribe.as_view(), name="undo"),
    path("preferences/all/", views.AllPreferences.as_view(), name="my_preferences"),
    path("preferences/all/<str:token>/", views.AllPreferences.as_view(), name="all_preferences"),
    path("preferences/all/<str:token>/export/", views.DownloadOwnData.as_view(), name="export"),
    path("preferences/all/<str:token>/forget/", views.Forget.as_view(), name="forget"),
    path("preferences/<str:token>/", views.SubscriptionPreferences.as_view(), name="preferences"),
    path("preferences/<str:token>/link/", views.SendLink.as_view(), name="send_link"),
    path("pictures/<str:digest>.<str:extension>", views.PictureFile.as_view(), name="picture"),
    path("<slug:slug>/", follow_moves(views.NewsletterPage.as_view()), name="newsletter"),
    path("<slug:slug>/join/", follow_moves(views.Join.as_view()), name="join"),
    path("<slug:slug>/feed/", follow_moves(IssueFeed()), name="feed"),
    path("<slug:newsletter>/<slug:slug>/", follow_moves(views.IssuePage.as_view()), name="issue"),
]
