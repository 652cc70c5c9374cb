from notifications.models.announcement import Announcement
from notifications.models.mailing import Mailing
from notifications.models.notification import Notification
from notifications.models.preference import DueDigest, Preference, Schedule

__all__ = ["Announcement", "DueDigest", "Mailing", "Notification", "Preference", "Schedule"]
