"""The samples in the development inbox."""

import pytest
from django_mail_preview import get_previews

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["newsletters.confirm_subscription", "newsletters.issue"])
def test_renders(name):
    (preview,) = [preview for preview in get_previews() if preview.id == name]
    message = preview.render()
    raw = message.message().as_string()
    assert message.body
    assert "text/html" in raw
    assert "http://mailroom.test/newsletters/" in message.body
