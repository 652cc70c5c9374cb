from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class MailroomConfig(AppConfig):
    name = "mailroom"
    verbose_name = _("Mailroom")

    def ready(self) -> None:
        from mailroom import any_of, checks, defaults, tree_checks, upkeep  # noqa: F401  (some register)
        from mailroom.webhooks import checks as webhook_checks
        from mailroom.webhooks import receiver
        from mailroom.webhooks import upkeep as webhook_upkeep  # noqa: F401

        defaults.fill_in()
        checks.register()
        tree_checks.register()
        webhook_checks.register()
        receiver.connect()
        autodiscover_modules("clock")  # what apps want done again and again
