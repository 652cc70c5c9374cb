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
    PreferencesByToken,
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
    "PreferencesByToken",
    "ReadAll",
    "ReadAnnouncement",
    "Switch",
    "SwitchBack",
    "Visit",
]
