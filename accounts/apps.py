from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        # These need the models, which Django loads after the apps.
        from accounts import bounced, known_devices, own_data
        from accounts.checks import every_allauth_email_has_a_type

        bounced.connect()
        known_devices.connect()
        own_data.register()
        checks.register(every_allauth_email_has_a_type)
