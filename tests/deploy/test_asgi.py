"""The site by `site_config/asgi.py`, served by uvicorn."""

import re

import requests

from tests.processes import Site, until


def test_uvicorn_serves_pages_and_a_form_whose_email_is_sent(tmp_path):
    site = Site(tmp_path, DEBUG="1", VAR_DIR=str(tmp_path), MAILER_URL=f"file://{tmp_path}/sent")
    site.set_up()
    with site.running(asgi=True), requests.Session() as session:
        assert session.get(site.url).status_code == 200
        form = session.get(f"{site.url}/accounts/signup/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)[1]
        password = "correct horse battery staple"
        answer = session.post(
            form.url,
            {
                "csrfmiddlewaretoken": token,
                "email": "ada@example.com",
                "password1": password,
                "password2": password,
            },
        )
        assert "ada@example.com" in answer.text
        until(lambda: list((tmp_path / "sent").glob("*")), "the confirmation to be sent")
    assert "Traceback" not in site.log.read_text()
