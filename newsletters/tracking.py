"""What the site has its mailer record of its readers: nothing, unless it says so and tells them.

NEWSLETTER_TRACKING may name "opens" and "clicks": Anymail's backends then ask the provider for it.
"""

from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


def request_tracking(message: Any) -> None:
    """Ask the mailer to record what the site wants recorded; else say nothing, as most can't.

    https://anymail.dev/en/stable/sending/anymail_additions/ (track_opens, track_clicks)
    """
    for what in settings.NEWSLETTER_TRACKING:
        setattr(message, f"track_{what}", True)


def tracking_notice() -> str | Promise:
    """What readers are told about it; "" where nothing is recorded."""
    match "opens" in settings.NEWSLETTER_TRACKING, "clicks" in settings.NEWSLETTER_TRACKING:
        case True, True:
            return _("We record when this newsletter is opened and which of its links are used.")
        case True, False:
            return _("We record when this newsletter is opened.")
        case False, True:
            return _("We record which links of this newsletter are used.")
    return ""
