"""Each type of mail in each language: translated, and saying of itself which language it is."""

import re

import pytest
from django.conf import settings
from django.utils import translation

from newsletters.composing.preview import preview
from newsletters.models import Issue, Newsletter
from sandbox.inbox import previews

pytestmark = pytest.mark.django_db

LANGUAGES = ["fr", "pa"]
# An editor's own words: only what stands around them is ours.
WRITTEN_BY_STAFF = {"newsletters.issue", "notifications.announcement"}
GURMUKHI = re.compile(r"[\u0a00-\u0a7f]")


def mail(name, language):
    with translation.override("en"):
        message = previews()[name](language)
        message.message()
    return message


def an_issue(language, body="{greeting}\n\nBody"):
    newsletter = Newsletter(name="Weekly", slug="weekly", language=language)
    issue = Issue(newsletter=newsletter, subject="S", slug="s", body=body)
    return preview(issue, "Ada", "ada@example.com")


def html_of(message):
    return message.alternatives[0].content


def lines(text):
    return {line.strip() for line in text.splitlines() if len(line.split()) > 3}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [n for n in settings.MESSAGE_TYPES if n != "newsletters.issue"])
class TestEachType:
    def test_names_its_language(self, name, language):
        html = html_of(mail(name, language))
        assert f'<html lang="{language}"' in html
        assert 'dir="ltr"' in html

    @pytest.mark.translations
    def test_is_translated_throughout(self, name, language):
        ours, english = mail(name, language), mail(name, "en")
        if name not in WRITTEN_BY_STAFF:
            assert ours.subject != english.subject
        same = lines(ours.body) & lines(english.body)
        assert [line for line in same if not is_data(line)] == []

    @pytest.mark.translations
    def test_is_in_its_own_script(self, name, language):
        found = GURMUKHI.search(mail(name, language).body)
        assert bool(found) is (language == "pa")


def is_data(line):
    """What people or programs wrote is in no language of ours."""
    return any(
        word in line
        for word in ("://", "Mozilla/", "twice", "too many addresses", "192.0.2", "203.0.113")
    )


def test_a_mail_to_who_reads_from_the_right_runs_that_way():
    """No Arabic words of ours: what is looked at is the direction."""
    html = html_of(mail("accounts.password_reset", "ar"))
    assert '<html lang="ar"' in html
    assert 'dir="rtl"' in html


def test_its_quotations_have_their_bar_where_a_line_begins():
    quoted = {language: an_issue(language, "> Quoted") for language in ("en", "ar")}
    bars = {language: bar(html_of(one)) for language, one in quoted.items()}

    assert "border-left: 3px" in bars["en"]
    assert "border-right: 3px" in bars["ar"]
    assert "border-left: 3px" not in bars["ar"]


def test_its_numbers_stand_where_a_line_ends():
    table = html_of(an_issue("ar", "| a | n |\n|---|--:|\n| b | 1 |"))

    assert re.search(r'<td align="right" style="[^"]*text-align: end', table)
    assert "text-align: right" not in table


def bar(html):
    """The inline style of the quotation."""
    return re.search(r'<blockquote style="([^"]*)"', html)[1]


@pytest.mark.translations
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_issue_speaks_its_newsletters_language_around_the_text(language):
    ours, english = an_issue(language), an_issue("en")
    ours.message(), english.message()

    assert f'<html lang="{language}"' in html_of(ours)
    assert lines(ours.body) & lines(english.body) == set()
    assert "Hello Ada" not in ours.body


def test_every_type_is_looked_at():
    assert sorted(previews()) == sorted(settings.MESSAGE_TYPES)
