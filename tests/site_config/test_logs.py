"""Logs say which request they belong to, and nothing that opens a door."""

import io
import json
import logging.config

import pytest
from django.test import override_settings

from site_config import logs

KEY = "k" * 40
RESET = "/accounts/password/reset/key/1-abcdefghijklmnopqrstuvwxyz0123456789/"


@pytest.fixture
def told():
    """Log as in production, but into a text; what stands there, line by line."""
    logging.config.dictConfig(logs.configuration(debug=False))
    written = io.StringIO()
    for handler in logging.getLogger().handlers:
        if handler.name == "stdout":
            handler.setStream(written)
    yield (
        logging.getLogger("site_config.test"),
        lambda: [json.loads(line) for line in written.getvalue().splitlines()],
    )
    logging.config.dictConfig(logs.configuration(debug=True))


def test_a_line_is_json_and_names_its_request(told):
    logger, lines = told
    mark = logs.request_id.set("abcdefgh")
    logger.info("Delivery %s went out.", 7)
    logs.request_id.reset(mark)

    (line,) = lines()
    assert (line["message"], line["levelname"]) == ("Delivery 7 went out.", "INFO")
    assert line["request_id"] == "abcdefgh"


@override_settings(SECRET_KEY=KEY)
def test_no_secret_stands_in_a_line(told):
    logger, lines = told
    logger.error("No page at %s with %s", RESET, KEY)
    logger.error("smtp://user:pa$$word@mail.example.com is away")

    told_lines = [line["message"] for line in lines()]
    assert told_lines == [
        "No page at /accounts/password/reset/key/…/ with …",
        "smtp://…@mail.example.com is away",
    ]


@pytest.mark.parametrize(("given", "kept"), [("from-the-router-1", True), ("a b", False)])
def test_the_id_of_the_platform_is_kept_where_it_is_one(client, db, given, kept):
    answer = client.get("/accounts/login/", headers={"X-Request-ID": given})

    assert (answer["X-Request-ID"] == given) is kept
    assert len(answer["X-Request-ID"]) >= 8
