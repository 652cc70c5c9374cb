"""The WSGI application. Gunicorn runs no system checks, so a faulty set-up is refused here."""

import os

from django.core.wsgi import get_wsgi_application

from site_config.environment import refuse_to_serve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
application = get_wsgi_application()
refuse_to_serve()
