"""Deleting people in the admin, however many are selected at once."""

import time
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from mailroom.tasks import enqueue

SECONDS = 3.0  # in a request; a server ends one that takes half a minute


class ErasingAdmin:
    """Deletes rows with all that is stored about a person, which takes a moment for each.

    Whoever is left after SECONDS is stopped, and deleted by a task. The admin's log says who, so
    that a periodic job can queue a lost task again: `personal_data.deleted_by_hand`.
    """

    task: Any

    def erase(self, row: Any) -> None:
        """Delete one row, with all that is stored about the person."""
        raise NotImplementedError

    def stop(self, rows: QuerySet[Any]) -> None:
        """Have rows that are deleted later do nothing more, by which the task recognises them."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.erase(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        ends = time.monotonic() + SECONDS
        rows = list(queryset)
        while rows and time.monotonic() < ends:
            self.erase(rows.pop())
        if rows:
            self.stop(queryset.model._base_manager.filter(pk__in=[row.pk for row in rows]))
            enqueue(self.task)
            messages.info(request, _("Deletion continues in the background."))
