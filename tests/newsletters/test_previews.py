"""The samples in the development inbox."""

import pytest

from sandbox.inbox import previews

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["newsletters.confirm_subscription", "newsletters.issue"])
def test_renders(name):
    message = previews()[name]("en")
    raw = message.message().as_string()
    assert message.body
    assert "text/html" in raw
    assert "http://mailroom.test/newsletters/" in message.body
