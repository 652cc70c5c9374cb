from newsletters.views.membership import (
    AllPreferences,
    Confirm,
    Preferences,
    SayWhy,
    SendLink,
    UndoUnsubscribe,
    Unsubscribe,
)
from newsletters.views.own_data import Export, Forget
from newsletters.views.pictures import PictureFile
from newsletters.views.reading import IssuePage, NewsletterList
from newsletters.views.subscribing import Join, NewsletterPage

__all__ = [
    "AllPreferences",
    "Confirm",
    "Export",
    "Forget",
    "IssuePage",
    "Join",
    "NewsletterList",
    "NewsletterPage",
    "PictureFile",
    "Preferences",
    "SayWhy",
    "SendLink",
    "UndoUnsubscribe",
    "Unsubscribe",
]
