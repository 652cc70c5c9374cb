"""A sample of every type in the table, for the development inbox."""

import pytest
from django.conf import settings
from django.test import RequestFactory
from django_mail_preview import get_previews

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("language", ["en", "fr", "pa"])
@pytest.mark.parametrize("name", settings.MESSAGE_TYPES)
def test_every_type_has_one_that_renders(name, language):
    (preview,) = [preview for preview in get_previews() if preview.id == name]
    message = preview.render(RequestFactory().get("/", {"language": language}))
    raw = message.message()
    assert raw["Subject"]
    assert raw.get_content_type() == "multipart/alternative"
    assert message.body.strip()
    if name != "newsletters.issue":  # speaks the language of its newsletter
        assert f'<html lang="{language}"' in message.alternatives[0].content
