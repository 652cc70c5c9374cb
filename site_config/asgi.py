"""The ASGI application, for servers such as uvicorn. A faulty set-up is refused, as in wsgi.py."""

import os

from django.core.asgi import get_asgi_application

from site_config.environment import refuse_to_serve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
application = get_asgi_application()
refuse_to_serve()
