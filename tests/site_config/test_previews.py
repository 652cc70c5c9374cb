"""Every type of mail can be looked at in the development inbox, in each language of the site."""

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation

from sandbox.inbox import previews

pytestmark = pytest.mark.django_db
LANGUAGES = [code for code, _name in settings.LANGUAGES]


@pytest.fixture(autouse=True)
def _development(settings) -> None:
    settings.DEBUG, settings.ROOT_URLCONF = True, "tests.site_config.urls"


def html_of(client, name: str, **params: str) -> str:
    """What the inbox shows in the frame of a preview."""
    return client.get(reverse("sandbox:preview_html", args=[name]), params).content.decode()


def test_all_languages_are_meant() -> None:
    assert LANGUAGES == ["en", "fr", "pa"]


@pytest.mark.parametrize("name", settings.MESSAGE_TYPES)
def test_every_type_in_every_language(client, name) -> None:
    for language in LANGUAGES:
        assert f'<html lang="{language}"' in html_of(client, name, language=language)


@pytest.mark.parametrize(
    "name", ["accounts.confirm_email", "newsletters.issue", "notifications.digest"]
)
def test_without_a_wish_it_is_the_language_of_the_visitor(client, name) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"

    assert '<html lang="fr"' in html_of(client, name)


def test_every_part_of_a_mail_is_there() -> None:
    for name, preview in previews().items():
        with translation.override("en"):
            message = preview("en")
            raw = message.message()
        assert raw["Subject"], name
        assert message.body.strip(), name
        assert raw.get_content_type() == "multipart/alternative", name
