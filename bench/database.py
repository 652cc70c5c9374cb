"""A fresh database for each run: on the server that a URL names, or SQLite without one."""

import uuid
from urllib.parse import urlsplit, urlunsplit


def fresh(url: str) -> str:
    """Make a new, empty database beside the one that `url` names; its URL ("" stays "")."""
    if not url.startswith("postgres"):
        return url
    import psycopg

    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
