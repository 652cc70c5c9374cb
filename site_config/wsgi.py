"""The WSGI application. Gunicorn runs no system checks, so a faulty set-up is refused here."""

import os
import sys

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
application = get_wsgi_application()

from mailroom.checks import refuse_faulty_configuration  # noqa: E402  (needs the settings)

# Gunicorn starts a worker that ended again and again, unless it ended with this number.
GUNICORN_BOOT_ERROR = 3

try:
    refuse_faulty_configuration()
except SystemExit as refusal:
    sys.stderr.write(f"{refusal}\n")
    sys.exit(GUNICORN_BOOT_ERROR)
