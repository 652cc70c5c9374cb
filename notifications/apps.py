from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        # These need the models, which Django loads after the apps.
        from notifications import receivers, retention
        from notifications.checks import every_kind_is_whole

        receivers.connect()
        retention.register()
        checks.register(every_kind_is_whole)
