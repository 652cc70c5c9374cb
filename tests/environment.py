"""The environment of the tests, set before Django's settings load (-p tests.environment).

A developer's .env is never read: tests mean the same everywhere.
"""

import os

os.environ.update(
    ENV_FILE="",
    DEBUG="1",
    SECRET_KEY="only-for-tests-" + "x" * 40,
    PUBLIC_URL="http://mailroom.test",
    ALLOWED_HOSTS="mailroom.test,testserver,127.0.0.1,localhost",
    MAIL_FROM="Mailroom <mail@mailroom.test>",
    MAIL_FROM_REGISTRATION="Welcome <welcome@mailroom.test>",
    PUBLISH_GRACE_SECONDS="0",
    DJANGO_SETTINGS_MODULE="site_config.settings",
)
for name in [name for name in os.environ if name.startswith("MAILER_URL")]:
    del os.environ[name]
