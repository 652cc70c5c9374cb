from notifications.views.inbox import (
    Badge,
    Inbox,
    MarkRead,
    MarkUnread,
    OpenNotification,
    ReadAll,
    ReadAnnouncement,
    Visit,
)
from notifications.views.preferences import (
    DownloadNotifications,
    Preferences,
    PreferencesOf,
    Switch,
    SwitchBack,
)

__all__ = [
    "Badge",
    "DownloadNotifications",
    "Inbox",
    "MarkRead",
    "MarkUnread",
    "OpenNotification",
    "Preferences",
    "PreferencesOf",
    "ReadAll",
    "ReadAnnouncement",
    "Switch",
    "SwitchBack",
    "Visit",
]
