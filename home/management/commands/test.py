"""`manage.py test`: name the command that runs the tests."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import test


class Command(test.Command):
    help = "Name the command that runs the tests, which are written for pytest."

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError(
            "Nothing was run: the tests are written for pytest. Run bin/test, or a part of it: "
            "bin/test --quick, bin/test tests/newsletters. In the environment of bin/setup, "
            "pytest tests/newsletters is quicker still."
        )
