from newsletters.views.membership import (
    AllPreferences,
    Confirm,
    SayWhy,
    SendLink,
    SubscriptionPreferences,
    UndoUnsubscribe,
    Unsubscribe,
)
from newsletters.views.own_data import DownloadOwnData, Forget
from newsletters.views.pictures import PictureFile
from newsletters.views.reading import IssuePage, NewsletterList
from newsletters.views.subscribing import Join, NewsletterPage

__all__ = [
    "AllPreferences",
    "Confirm",
    "DownloadOwnData",
    "Forget",
    "IssuePage",
    "Join",
    "NewsletterList",
    "NewsletterPage",
    "PictureFile",
    "SayWhy",
    "SendLink",
    "SubscriptionPreferences",
    "UndoUnsubscribe",
    "Unsubscribe",
]
