from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class MailroomConfig(AppConfig):
    name = "mailroom"
    verbose_name = _("Mailroom")

    def ready(self) -> None:
        from mailroom import checks, defaults, personal_data, queries, tree_checks  # noqa: F401  (some register)
        from mailroom.bounces import mailbox  # noqa: F401
        from mailroom.webhooks import ingest, process  # noqa: F401  (one registers its jobs)
        from mailroom.worker import jobs, task_queues  # noqa: F401  (they register)

        defaults.fill_in()
        personal_data.register_own()
        checks.register()
        tree_checks.register()
        ingest.connect()
        autodiscover_modules("periodic")  # what apps want done again and again
