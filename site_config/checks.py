"""The environment's faults as system checks."""

from typing import Any

from django.conf import settings
from django.core import checks


def register() -> None:
    checks.register(environment_is_whole)


def environment_is_whole(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """One error for each variable that is missing or wrong."""
    return [
        checks.Error(str(fault), id="site_config.E001", obj=fault.variable)
        for fault in settings.CONFIGURATION_FAULTS
    ]
