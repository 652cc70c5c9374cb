"""The Celery application, used where TASKS_URL names a broker."""

import os

from celery import Celery
from celery.signals import worker_init, worker_shutting_down
from django.conf import settings

from mailroom.delivery import shutdown
from mailroom.worker.task_queues import end_with_worker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")

BROKER_SECONDS = 2
BROKER_TIMEOUTS = {"socket_timeout": BROKER_SECONDS, "socket_connect_timeout": BROKER_SECONDS}

app = Celery("mailroom")
app.conf.update(
    broker_url=settings.TASKS_URL,
    broker_connection_retry_on_startup=True,
    # A broker that accepts connections and stays silent must not keep a page waiting. What is not
    # queued is queued again by a periodic job.
    broker_connection_timeout=BROKER_SECONDS,
    broker_transport_options=BROKER_TIMEOUTS if settings.TASKS_URL.startswith("redis") else {},
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
    task_default_queue="default",  # django-tasks-celery names no queue for it
    # A worker that dies gives its task back, and takes no more than it works on. Losing one does
    # no harm either: each of our tasks has its intent in a row.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)
app.autodiscover_tasks()
worker_init.connect(end_with_worker)
worker_shutting_down.connect(shutdown.want)
