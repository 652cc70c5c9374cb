from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class SandboxConfig(AppConfig):
    """The providers of a development site, on this machine."""

    name = "sandbox"

    def ready(self) -> None:
        if not settings.DEBUG:
            raise ImproperlyConfigured(
                "The app sandbox keeps every email instead of delivering it: use it with DEBUG=1 "
                "only, and take it out of INSTALLED_APPS elsewhere."
            )
