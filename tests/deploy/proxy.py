"""A TLS proxy in front of the site, as a platform's router: nginx with a certificate of ours."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.processes import until

# From 127.0.0.2: gunicorn trusts 127.0.0.1, and a redirect loop would hide behind that.
CONFIGURATION = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        location / {{
            proxy_pass http://127.0.0.1:{site};
            proxy_bind 127.0.0.2;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


class Proxy:
    """Serves https on `url` what the site serves on port `site`."""

    def __init__(self, folder: Path, port: int, site: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"https://localhost:{port}"
        self.certificate = folder / "cert.pem"
        (folder / "nginx.conf").write_text(
            CONFIGURATION.format(folder=folder, port=port, site=site)
        )

    def __enter__(self) -> Self:
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        files = ["-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        subprocess.run([*command, *subject, *files], check=True, capture_output=True)
        configured = ["-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        self.process = subprocess.Popen(["/usr/sbin/nginx", *configured])
        until((self.folder / "nginx.pid").exists, "nginx to be ready")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait(30)
