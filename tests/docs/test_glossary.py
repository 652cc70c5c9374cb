"""docs/glossary.md: each term once, in use on pages, and with the code that has it."""

import re

import pytest

from tests.processes import ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text()
ROWS = re.findall(r"^\| (?!Term|-)(.+?) \| (.+) \| (.+) \|$", TEXT, re.MULTILINE)
# Words of the same meaning that pages do not use beside the term.
REJECTED = {
    "email": r"e-mails?|mails",
    "sign up, sign in, sign out": r"log ?(?:in|out|ins)|logged (?:in|out)|signup",
    "subscriber": r"followers?|recipients list",
    "provider": r"the mailer",
    "cooling down": r"resting|rests",
    "suppressed": r"blacklist(?:ed)?|blocklist(?:ed)?",
}


def test_each_term_is_there_once():
    terms = [term for term, _, _ in ROWS]
    assert len(terms) > 30
    assert len(set(terms)) == len(terms)
    assert set(REJECTED) <= set(terms)


@pytest.mark.parametrize(("term", "meaning", "place"), ROWS)
def test_a_term_names_code_that_exists(term, meaning, place):
    (path,) = re.findall(r"`([\w/]+\.(?:py|html))`", place)
    name = re.match(r"`(\w+)` in", place)
    assert not name or re.search(rf"\b{name[1]}\b", (ROOT / path).read_text())
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("term", "others"), REJECTED.items())
def test_pages_use_the_term_alone(term, others):
    other = re.compile(rf"\b(?:{others})\b", re.IGNORECASE)
    used = []
    for folder in [ROOT / "templates", *ROOT.glob("*/templates")]:
        for page in folder.rglob("*.html"):
            text = re.sub(r"{% comment.*?endcomment %}|{#.*?#}", " ", page.read_text(), flags=re.S)
            text = "\n".join(re.findall(r"translate \"([^\"]*)\"", text)) + re.sub(
                r"{%.*?%}|{{.*?}}|<[^>]*>", " ", text, flags=re.S
            )
            used += [f"{page.relative_to(ROOT)}: {hit}" for hit in other.findall(text)]
    assert used == []
