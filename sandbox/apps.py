from collections.abc import Iterator

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _


class SandboxConfig(AppConfig):
    """The providers of a development site on this machine, and the inbox that they deliver to."""

    name = "sandbox"

    def ready(self) -> None:
        if not settings.DEBUG:
            raise ImproperlyConfigured(
                "The app sandbox keeps every email instead of delivering it: use it with DEBUG=1 "
                "only, and take it out of INSTALLED_APPS elsewhere."
            )
        # These need the models, which Django loads after the apps.
        from mailroom.admin.timeline import Link, add_links
        from mailroom.models import Delivery

        @add_links
        def in_the_inbox(request: HttpRequest, delivery: Delivery) -> Iterator[Link]:
            if settings.DEBUG and delivery.state == Delivery.State.SENT:
                url = f"{reverse('sandbox:inbox')}?delivery={delivery.pk}"
                yield Link(_("Email in the inbox"), url)
