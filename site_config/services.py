"""What the site works with, by its URL: the database, the cache, the engine of tasks."""

from pathlib import Path
from typing import Any

import dj_database_url
from environs import Env

# Django's own 300 would be reached at once, and what is thrown out then are counts of rate limits.
CACHE_ENTRIES = 50_000
POOL_PATIENCE = 10  # seconds to wait for a connection that is in use


def database(env: Env, debug: bool, folder: Path) -> dict[str, Any]:
    """DATABASE_URL, or an SQLite file in `folder` in development."""
    folder.mkdir(exist_ok=True)
    local = f"sqlite:///{folder / 'mailroom.sqlite3'}" if debug else "sqlite://:memory:"
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(env.str("DATABASE_URL", "") or local))
    except ValueError:
        config = dict(dj_database_url.parse(local))
    if config["ENGINE"].endswith("sqlite3"):
        # WAL lets readers go on beside the one writer; IMMEDIATE waits for the lock at the start of
        # a transaction instead of failing in its middle.
        config["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;",
        }
    elif "postgresql" in config["ENGINE"]:
        for name, value in _postgres(env).items():
            config[name] = {**config.get(name, {}), **value} if name == "OPTIONS" else value
    return config


def _postgres(env: Env) -> dict[str, Any]:
    """A pool where DATABASE_POOL_SIZE says so: more threads than connections may then serve."""
    size = env.int("DATABASE_POOL_SIZE", 0)
    if not size:
        return {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 60}
    pool = {"min_size": 1, "max_size": size, "timeout": POOL_PATIENCE}
    return {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 0, "OPTIONS": {"pool": pool}}


def cache(url: str) -> dict[str, Any]:
    """A cache that all processes share, or rate limits would count in each: Redis or a table."""
    if url.startswith(("redis://", "rediss://")):
        return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    return {
        "BACKEND": "accounts.transactions.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": CACHE_ENTRIES},
    }


def tasks(broker_url: str) -> dict[str, Any]:
    """The engine of django.tasks: the project's database, or Celery where there is a broker."""
    if broker_url:
        options = {"CELERY_APP": "site_config.celery.app"}
        backend = "django_tasks_celery.backend.CeleryBackend"
        return {"default": {"BACKEND": backend, "QUEUES": [], "OPTIONS": options}}
    return {"default": {"BACKEND": "django_ox.backend.OxBackend", "QUEUES": []}}
