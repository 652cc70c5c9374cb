from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import pre_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

SUPPORTED = ("sqlite3", "postgresql")


class MailroomConfig(AppConfig):
    name = "mailroom"
    verbose_name = _("Mailroom")
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Before any model is imported, which would ask for the driver of the database first.
        engine = settings.DATABASES.get("default", {}).get("ENGINE", "")
        if engine.startswith("django.db.backends.") and not engine.endswith(SUPPORTED):
            name = engine.rpartition(".")[2]
            text = f"mailroom does not support {name}: use SQLite or PostgreSQL."
            raise ImproperlyConfigured(text if name != "dummy" else "mailroom needs DATABASES.")

    def ready(self) -> None:
        # These register lookups, receivers and jobs, and need the models.
        from mailroom import conf

        if problem := conf.tasks_problem():  # which the import of the first task would run into
            raise ImproperlyConfigured(problem)
        from mailroom import checks, providers
        from mailroom.config import mailers
        from mailroom.delivery import breaker  # noqa: F401
        from mailroom.outbox import personal_data
        from mailroom.worker import jobs, readiness, task_queues  # noqa: F401

        conf.fill_in()
        providers.register(settings.MAILROOM_PROVIDERS)
        mailers.expand_mailer_urls()
        personal_data.register_own()
        checks.register()
        pre_migrate.connect(readiness.refuse_too_old_database, sender=self)
        if conf.is_installed("anymail"):
            from mailroom.webhooks import ingest

            ingest.connect()
        autodiscover_modules("periodic")  # what apps want done again and again
