from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "site_config"
    verbose_name = "Site"

    def ready(self) -> None:
        from site_config import checks, wiring

        checks.register()
        wiring.connect()
