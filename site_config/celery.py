"""The Celery application, used where TASKS_URL names a broker."""

import os

from celery import Celery
from celery.signals import worker_init, worker_shutting_down
from django.conf import settings

from mailroom import shutdown
from mailroom.engines.celery import end_with_worker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")

app = Celery("mailroom")
app.conf.update(
    broker_url=settings.TASKS_URL,
    broker_connection_retry_on_startup=True,
    # A worker that dies gives its task back, and takes no more than it works on. Losing one would
    # do no harm either: tasks are nudges, the clock finds what they forgot.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)
app.autodiscover_tasks()
worker_init.connect(end_with_worker)
worker_shutting_down.connect(shutdown.want)
