from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class MailroomConfig(AppConfig):
    name = "mailroom"
    verbose_name = _("Mailroom")

    def ready(self) -> None:
        # These register lookups, receivers and jobs, and need the models.
        from mailroom import checks, conf
        from mailroom.delivery import breaker  # noqa: F401
        from mailroom.outbox import personal_data
        from mailroom.webhooks import ingest
        from mailroom.worker import jobs, task_queues  # noqa: F401

        conf.fill_in()
        personal_data.register_own()
        checks.register()
        ingest.connect()
        autodiscover_modules("periodic")  # what apps want done again and again
