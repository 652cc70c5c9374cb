"""A proxy that ends TLS in front of the site, as one does in production."""

import http.client
import ssl
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from sandbox.apis import LocalServer
from tests.mailroom.fakes.tls import certificate


class _Handler(BaseHTTPRequestHandler):
    server: "TLSProxy"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=30)
        headers = {**self.headers, "X-Forwarded-Proto": "https", "Connection": "close"}
        behind.request(self.command, self.path, body, headers)
        answer = behind.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *args: object) -> None:
        """Say nothing on stderr."""


class TLSProxy(LocalServer):
    """Start with `with TLSProxy(folder) as proxy`; `behind` is the port of the site."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_Handler)
        self.certificate = certificate(folder / "proxy.pem", "127.0.0.1")
        self.behind = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"
