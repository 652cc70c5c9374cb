"""The site's settings, and two message types whose recipients need not be subscribers."""

from mailroom.types import bulk, transactional
from site_config.settings import *  # noqa: F403
from site_config.settings import MESSAGE_TYPES as SITE_TYPES

MESSAGE_TYPES = {
    **SITE_TYPES,
    "bench.bulk": bulk("newsletters"),
    "bench.transactional": transactional("password_reset"),
}
SILENCED_SYSTEM_CHECKS = ["mailroom.E004"]  # the two have no templates
