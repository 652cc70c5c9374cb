from notifications.models.announcement import Announcement
from notifications.models.digest import DueDigest
from notifications.models.mailing import Mailing
from notifications.models.notification import Notification
from notifications.models.preference import Preference
from notifications.models.schedule import Schedule

__all__ = ["Announcement", "DueDigest", "Mailing", "Notification", "Preference", "Schedule"]
