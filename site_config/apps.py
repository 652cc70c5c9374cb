from typing import Any

from django.apps import AppConfig, apps
from django.core.management import call_command
from django.db.models.signals import post_migrate


class SiteConfig(AppConfig):
    name = "site_config"
    verbose_name = "Site"

    def ready(self) -> None:
        from site_config import checks, wiring

        checks.register()
        wiring.connect()
        # Once a run of migrate, which sends the signal for each app.
        post_migrate.connect(create_cache_table, sender=apps.get_app_config("accounts"))


def create_cache_table(using: str, **kwargs: Any) -> None:
    """Create the table of the cache, where the cache has one, so that `migrate` is enough."""
    call_command("createcachetable", database=using, verbosity=0)
