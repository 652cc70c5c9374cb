"""The catalogues in locale/: all of it said, nothing broken, and compiled as it is written."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import allauth
import django
import polib
import pytest
from django.utils import translation
from django.utils.translation import gettext

from tests.processes import ROOT

LANGUAGES = ["fr", "pa"]
APPS = [
    "accounts",
    "home",
    "mailroom",
    "newsletters",
    "notifications",
    "site_config",
    "sandbox",
    "templates",
]
# %(name)s, %s, {name}, and the tags of HTML.
PLACES = re.compile(r"%(?:\(\w+\))?[sd]|\{[^}]*\}|</?\w+[^>]*>")


BORROWED = "site_config/library_texts"  # what Django and allauth say on our pages
FOLDERS = ["locale", "mailroom/locale", BORROWED]  # the site's, and the library's own


def catalogue(language, folder="locale", root=ROOT):
    return polib.pofile(str(root / f"{folder}/{language}/LC_MESSAGES/django.po"))


def shown(language, folder):
    """The entries that pages show: a guess (fuzzy) is shown to nobody."""
    return [entry for entry in catalogue(language, folder) if not entry.fuzzy]


def said(entry):
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def asked(entry):
    return {entry.msgid, entry.msgid_plural or entry.msgid}


def places(text):
    return Counter(PLACES.findall(text))


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("language", LANGUAGES)
class TestEachCatalogue:
    @pytest.mark.translations
    def test_says_all_and_guesses_nothing(self, language, folder, record_property):
        entries = catalogue(language, folder)
        missing = [e.msgid for e in entries if not all(said(e)) or e.fuzzy or e.obsolete]
        record_property(f"untranslated {folder} {language}", missing)
        assert missing == []

    def test_keeps_placeholders_and_tags(self, language, folder):
        broken = [
            text
            for entry in shown(language, folder)
            for text in filter(None, said(entry))
            if places(text) not in [places(source) for source in asked(entry)]
        ]
        assert broken == []

    def test_keeps_line_ends_and_outer_space(self, language, folder):
        outside = re.compile(r"^\s*|\s*$")
        broken = [
            entry.msgid
            for entry in shown(language, folder)
            for text in filter(None, said(entry))
            if outside.findall(text) != outside.findall(entry.msgid)
        ]
        assert broken == []

    def test_has_the_plural_forms_that_its_header_tells(self, language, folder):
        entries = catalogue(language, folder)
        number = int(re.search(r"nplurals=(\d)", entries.metadata["Plural-Forms"])[1])
        plurals = [entry for entry in entries if entry.msgid_plural]
        assert plurals
        assert {len(said(entry)) for entry in plurals} == {number}

    def test_is_compiled_as_it_is_written(self, language, folder):
        for path in (ROOT / folder / language / "LC_MESSAGES").glob("*.po"):
            compiled = polib.mofile(str(path.with_suffix(".mo")))
            written = polib.pofile(str(path)).translated_entries()
            assert {(e.msgctxt, e.msgid): said(e) for e in compiled} == {
                (e.msgctxt, e.msgid): said(e) for e in written
            }


@pytest.mark.gettext
@pytest.mark.translations
def test_they_have_what_code_and_templates_say_and_nothing_else(tmp_path, record_property):
    for folder in [*APPS, "locale"]:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "manage.py", tmp_path)

    command = [sys.executable, "-m", "django", "makemessages", "--all", "--no-obsolete"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)

    differs = False
    for language, folder in product(LANGUAGES, FOLDERS):
        now = {(e.msgctxt, e.msgid) for e in catalogue(language, folder, tmp_path)}
        written = {(e.msgctxt, e.msgid) for e in catalogue(language, folder)}
        record_property(f"untranslated {language}", [text for _, text in now - written])
        record_property(f"no longer used {language}", [text for _, text in written - now])
        differs = differs or now != written
    assert not differs, "Run bin/messages"


def test_borrowed_texts_are_what_allauth_and_django_say():
    """Word for word: an apostrophe of another kind, and theirs would be shown untranslated."""
    theirs = {
        entry.msgid
        for package in (django, allauth)
        for language in ("en", "de")
        for file in Path(package.__file__).parent.rglob(f"locale/{language}/*/django.po")
        for entry in polib.pofile(str(file))
    }

    french, punjabi = ({entry.msgid for entry in catalogue(one, BORROWED)} for one in LANGUAGES)
    assert french
    assert french - punjabi == set()  # Django speaks French better than Punjabi
    assert punjabi - theirs == set()


def test_english_has_the_words_and_case_of_the_site_for_allauth_and_the_admin(client, db):
    entries = catalogue("en")
    compiled = polib.mofile(str(ROOT / "locale/en/LC_MESSAGES/django.mo"))
    assert {e.msgid: e.msgstr for e in compiled} == {e.msgid: e.msgstr for e in entries}
    assert [e.msgstr for e in entries if re.search(r"(?i)log ?(in|out)\b|signup", e.msgstr)] == []
    page = client.get("/accounts/login/", headers={"accept-language": "en"}).text
    assert "Sign in" in page
    assert [e.msgid for e in entries if e.msgid in page] == []
    with translation.override("en"):
        assert (gettext("Log out"), gettext("Signup")) == ("Sign out", "Sign up")
