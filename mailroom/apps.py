from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class MailroomConfig(AppConfig):
    name = "mailroom"
    verbose_name = _("Mailroom")

    def ready(self) -> None:
        from mailroom import any_of, checks, defaults, personal_data, tree_checks, upkeep  # noqa: F401  (some register)
        from mailroom.bounces import mailbox  # noqa: F401
        from mailroom.webhooks import ingest, process  # noqa: F401  (one registers its jobs)

        defaults.fill_in()
        personal_data.register_own()
        checks.register()
        tree_checks.register()
        ingest.connect()
        autodiscover_modules("clock")  # what apps want done again and again
