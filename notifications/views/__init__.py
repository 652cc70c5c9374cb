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
    Export,
    Preferences,
    PreferencesByToken,
    Switch,
    SwitchBack,
)

__all__ = [
    "Badge",
    "Export",
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
