from newsletters.views.membership import Confirm, Preferences, SayWhy, UndoUnsubscribe, Unsubscribe
from newsletters.views.reading import IssuePage, NewsletterList
from newsletters.views.subscribing import Join, NewsletterPage

__all__ = [
    "Confirm",
    "IssuePage",
    "Join",
    "NewsletterList",
    "NewsletterPage",
    "Preferences",
    "SayWhy",
    "UndoUnsubscribe",
    "Unsubscribe",
]
