"""What a worker asks of the database while there is nothing to do."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.services import Postgres, free_port, wait_for_port

POOLER = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
logfile = {folder}/log
"""


@pytest.mark.full
@pytest.mark.parametrize(
    ("database", "most"),
    [
        ("SQLite", 2),
        pytest.param("PostgreSQL", 1, marks=pytest.mark.postgres),
        pytest.param("PostgreSQL behind PgBouncer", 3, marks=pytest.mark.postgres),
    ],
)
def test_an_idle_worker_asks_next_to_nothing(database, most):
    with url_of(database) as url:
        command = [sys.executable, "bench/bench.py", "idle", "--json"]
        done = subprocess.run(
            [*command, *(["--database-url", url] if url else [])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )

    assert 0 < json.loads(done.stdout)["statements a second"] <= most


@contextmanager
def url_of(database: str) -> Iterator[str]:
    if database == "SQLite":
        yield ""
        return
    with tempfile.TemporaryDirectory() as name, Postgres(Path(name)) as server:
        if database == "PostgreSQL":
            yield server.url
            return
        pooler = Path(name) / "pooler"
        pooler.mkdir()
        settings = pooler / "settings.ini"
        port = free_port()
        settings.write_text(POOLER.format(server=server.port, port=port, folder=pooler))
        account = []
        if os.getuid() == 0:  # which PgBouncer refuses to be
            shutil.chown(pooler, "postgres", "postgres")
            account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        process = subprocess.Popen([*account, "/usr/sbin/pgbouncer", "-q", str(settings)])
        try:
            wait_for_port(port)
            yield f"postgres://postgres@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait()
