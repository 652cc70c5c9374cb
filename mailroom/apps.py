from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class MailroomConfig(AppConfig):
    name = "mailroom"
    verbose_name = _("Mailroom")

    def ready(self) -> None:
        from mailroom import checks, tree_checks, upkeep  # noqa: F401  (upkeep registers its clock work)

        checks.register()
        tree_checks.register()
        autodiscover_modules("clock")  # what apps want done again and again
