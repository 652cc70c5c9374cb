from newsletters.views.membership import Confirm, Preferences, SayWhy, UndoUnsubscribe, Unsubscribe
from newsletters.views.own_data import Export, Forget
from newsletters.views.pictures import PictureFile
from newsletters.views.reading import IssuePage, NewsletterList
from newsletters.views.subscribing import Join, NewsletterPage

__all__ = [
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
    "UndoUnsubscribe",
    "Unsubscribe",
]
