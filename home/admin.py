"""The admin of tasks, without what their errors and arguments may quote."""

import re

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django_ox.admin import OxTaskAdmin
from django_ox.models import OxTask

PLACE = re.compile(r'^  File "[^"@\n]+", line \d+, in [\w<>.]+$', re.MULTILINE)

QUOTING_FIELDS = {"args", "kwargs", "return_value"}


class TaskAdmin(OxTaskAdmin):
    """As django-ox's, with of each error its class and the places in the code.

    An error's message may quote anything: a database names the address that it refused.
    """

    readonly_fields = tuple(one for one in OxTaskAdmin.readonly_fields if one not in QUOTING_FIELDS)
    fieldsets = tuple(
        (title, {"fields": tuple(one for one in options["fields"] if one not in QUOTING_FIELDS)})
        for title, options in OxTaskAdmin.fieldsets
    )

    @admin.display(description=_("Errors"))
    def attempt_errors(self, task: OxTask) -> str:
        errors = [
            (number, one["exception_class_path"], "\n".join(PLACE.findall(one["traceback"])))
            for number, one in enumerate(task.errors, start=1)
        ]
        return format_html_join("", "<p>{}. {}</p><pre>{}</pre>", errors)


admin.site.unregister(OxTask)
admin.site.register(OxTask, TaskAdmin)
