from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.db.models.signals import post_migrate

from accounts.signals import new_device
from newsletters.signals import issue_published, issue_sent, issue_stopped


class HomeConfig(AppConfig):
    """The home page and the demo; what the apps need of each other is connected here."""

    name = "home"

    def ready(self) -> None:
        checks.register(environment_is_whole)
        connect_signals()
        # Once a run of migrate, which sends the signal for each app.
        post_migrate.connect(create_cache_table, sender=apps.get_app_config("accounts"))


def connect_signals() -> None:
    """Connect one app's signals to another app: the only place where two apps meet."""
    from notifications import receivers  # needs the models, which Django loads after the apps

    new_device.connect(receivers.notify_sign_in, dispatch_uid="notify-sign-in")
    issue_published.connect(receivers.notify_new_issue, dispatch_uid="notify-new-issue")
    issue_sent.connect(receivers.notify_issue_sent, dispatch_uid="notify-issue-sent")
    issue_stopped.connect(receivers.notify_issue_stopped, dispatch_uid="notify-issue-stopped")


def environment_is_whole(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """One error for each environment variable that is missing or wrong."""
    return [
        checks.Error(str(fault), id="site_config.E001", obj=fault.variable)
        for fault in settings.CONFIGURATION_FAULTS
    ]


def create_cache_table(using: str, **kwargs: Any) -> None:
    """Create the table of the cache, where the cache has one, so that `migrate` is enough."""
    call_command("createcachetable", database=using, verbosity=0)
