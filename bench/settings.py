"""The site's settings, with what only the bench needs."""

from mailroom.message_types import bulk, transactional
from site_config.environment import static_storage
from site_config.settings import *  # noqa: F403
from site_config.settings import MESSAGE_TYPES as SITE_TYPES
from site_config.settings import STORAGES as SITE_STORAGES

# Two message types whose recipients need not be subscribers.
MESSAGE_TYPES = {
    **SITE_TYPES,
    "bench.bulk": bulk("newsletters"),
    "bench.transactional": transactional("password_reset"),
}
SILENCED_SYSTEM_CHECKS = ["mailroom.E004"]  # the two have no templates
ROOT_URLCONF = "bench.urls"
STORAGES = {**SITE_STORAGES, "staticfiles": {"BACKEND": static_storage(debug=True)}}
# One machine plays all the visitors, and a slow hash would be all that is measured.
PUBLISH_GRACE_SECONDS = 0
ACCOUNT_RATE_LIMITS = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
