"""A fresh database for each run: on the server that a URL names, or SQLite without one."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit


@contextmanager
def fresh(url: str) -> Iterator[str]:
    """A new, empty database beside the one that `url` names; its URL ("" where `url` is SQLite's).

    It is dropped at the end.
    """
    if not url.startswith("postgres"):
        yield ""
        return
    import psycopg

    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
