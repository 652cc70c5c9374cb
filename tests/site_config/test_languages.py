"""Which language a page is in: the browser's, unless a cookie says another; and its direction."""

import datetime
import json
import re

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from tests.processes import ROOT

pytestmark = pytest.mark.django_db

APPS = "mailroom", "newsletters", "notifications"
STYLES = [*ROOT.glob("static/*.css"), *(s for a in APPS for s in ROOT.glob(f"{a}/static/**/*.css"))]
SIDES = re.compile(
    r"(?<=[\s;{])(?:(?:margin|padding|border)-)?(?:left|right)(?:-\w+)?:"
    r"|(?:text-align|float|clear): (?:left|right)"
)
HEADINGS = {"en": "Sign in", "fr": "Se connecter", "pa": "ਲੌਗਇਨ"}


@pytest.mark.parametrize(("language", "heading"), HEADINGS.items())
def test_a_browser_gets_what_it_asks_for(client, language, heading):
    html = client.get("/", headers={"accept-language": f"{language},en;q=0.5"}).text
    assert f'<html lang="{language}" dir="ltr">' in html
    assert heading in html


def test_a_language_that_is_not_here_becomes_english(client):
    assert '<html lang="en"' in client.get("/", headers={"accept-language": "de"}).text


def test_what_somebody_chose_wins_over_their_browser(client):
    client.post("/i18n/setlang/", {"language": "pa", "next": "/"})
    assert '<html lang="pa"' in client.get("/", headers={"accept-language": "fr"}).text


MOMENTS = """{% load humanize %}
{{ then|naturaltime }}; {{ then|timesince }}; {{ day }}; {{ n|intcomma }}"""
SHOWN = {
    "fr": "il y a 1 jour, 3 heures; 1 jour, 3 heures; 27 novembre 2026 21:05; 1 234 567",
    "pa": "1 ਦਿਨ, 3 ਘੰਟੇ ਪਹਿਲਾਂ; 1 ਦਿਨ, 3 ਘੰਟੇ; 27 ਨਵੰ 2026, 21:05; 12,34,567",
}


@pytest.mark.parametrize(("language", "shown"), SHOWN.items())
def test_times_dates_and_numbers_are_written_as_in_the_language(language, shown):
    then = timezone.now() - datetime.timedelta(days=1, hours=3)
    day = datetime.datetime(2026, 11, 27, 21, 5, tzinfo=datetime.UTC)
    with translation.override(language):
        text = Template(MOMENTS).render(Context({"then": then, "day": day, "n": 1_234_567}))
    assert re.sub(r"\s", " ", text.strip()) == shown


def test_the_admin_and_its_calendar_are_in_punjabi(client, admin_user):
    client.force_login(admin_user)
    client.cookies["django_language"] = "pa"
    assert "ਸਾਈਟ ਵੇਖੋ" in client.get("/admin/").text
    monday = json.dumps({"Monday": "ਸੋਮਵਾਰ"}).strip("{}")
    assert monday in client.get("/admin/jsi18n/").text


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/", "/newsletters/"])
def test_a_page_for_who_reads_from_the_right_runs_that_way(client, settings, path):
    settings.LANGUAGES = [*settings.LANGUAGES, ("ar", "العربية")]
    html = client.get(path, headers={"accept-language": "ar"}).text
    assert '<html lang="ar" dir="rtl">' in html


@pytest.mark.parametrize("style", STYLES, ids=lambda style: str(style.relative_to(ROOT)))
def test_a_style_sheet_names_where_lines_begin_and_end_and_no_side(style):
    assert SIDES.findall(style.read_text()) == []


@pytest.mark.translations
def test_what_allauth_says_is_in_punjabi_too(client):
    html = client.get("/accounts/signup/", headers={"accept-language": "pa"}).text
    assert "ਪਾਸਵਰਡ (ਦੁਬਾਰਾ)" in html
    for english in ("Sign Up", "Password", "Already have", "Email"):
        assert f">{english}" not in html


@pytest.mark.parametrize("language", ["en", "pa"])
def test_dates_and_times_have_one_format_each(language):
    at = datetime.datetime(2026, 11, 27, 21, 5, tzinfo=datetime.UTC)
    with translation.override(language):
        shown = Template(
            "{{ at }}|{{ at|date:'SHORT_DATETIME_FORMAT' }}|{{ at.date }}|{{ at.time }}"
        )
        moment, short, day, hour = shown.render(Context({"at": at})).split("|")

    assert moment == short == f"{day}, 21:05"
    assert re.fullmatch(r"27 \S+ 2026", day)
    assert hour == "21:05"


def test_templates_write_out_no_format_but_those_with_seconds():
    filters = re.compile(r"\|(?:date|time):[\"']([^\"']+)[\"']")
    folders = [ROOT / "templates", *ROOT.glob("*/templates")]
    used = {
        text
        for folder in folders
        for page in folder.rglob("*.html")
        for text in filters.findall(page.read_text())
    }

    assert used == {"c", "DATETIME_FORMAT", "H:i:s", "j M Y, H:i:s"}
