"""Plain English: sentences and words that were replaced must not come back."""

import ast
import re
from pathlib import Path

import pytest

from tests.processes import ROOT

# As they were in pages and emails; "…" stands for any few words.
PAGES = """\
Nothing to mend.
To mend first
Probably not meant
I have looked at it, and it is meant so.
can't be made unsent
with the text version made anew
Nothing was written down yet.
Put it at the cursor
What it shows
Only who joined from
Only who reads
Nobody gets it: its audience has no confirmed subscriber.
” goes to
Shall
stop coming to
That was a slip: undo
Somebody, we hope you
gave this address
You get this mail because
All about your address is deleted.
What you get
it stands here
On that day they come again.
fails and rests
Mail of … goes by
What waits
Under way
is alive
Try it now
resting
Worthless after
Has faults
Mend these lines
Columns to be chosen
subscribed already, left as they are
left before, stay out
the mailer has told nothing
whoever has not got it will not get it
It goes out at any moment
The sorting desk
What is written
leaves through the mailer of its own kind""".splitlines()

DOCSTRINGS = """\
what must not be sent any more is stopped here, just before it would be
Nobody knocks at a door that was just shut.
Out of the rows again: the email that a delivery is.
What opens a door stands in no line of a log and in no error mail.
time must not tell the two apart
The one door: tell people something""".splitlines()

# Whole words, with their endings. "Told" and "stood" belong to "tell" and "stand".
WORDS = re.compile(
    r"\b(mend(s|ed|ing)?|tells?|telling|told|stands?|standing|stood|shall|whoever|somebody|nobody"
    r"|anew|worthless)\b",
    re.IGNORECASE,
)
# In page texts also these: one word for one thing.
TERMS = re.compile(
    r"\b(e-mails?|mails|log-?ins?|log in|logs in|logged in|logging in|sign-?on)\b", re.I
)

APPS = ["accounts", "home", "mailroom", "newsletters", "notifications", "sandbox", "site_config"]
OUR_CODE = [
    path
    for app in APPS
    for path in sorted((ROOT / app).rglob("*.py"))
    if "migrations" not in path.parts and ".venv" not in path.parts
]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "mailroom" / "README.md",
]
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext"}


def pattern(sentence):
    """Its words, with any white space between them and any apostrophe, in any case."""
    words = [
        r"\S+(?:\s+\S+){0,3}" if word == "…" else re.escape(word).replace("'", "['’]")
        for word in sentence.split()
    ]
    start = r"(?<!\w)" if sentence[0].isalnum() else ""
    end = r"(?!\w)" if sentence[-1].isalnum() else ""
    return re.compile(start + r"\s+".join(words) + end, re.IGNORECASE)


def texts_of_templates():
    """The visible text of each template: without tags, variables and comments."""
    folders = [ROOT / "templates", *(ROOT / app / "templates" for app in APPS)]
    for path in sorted(file for folder in folders for file in folder.rglob("*.html")):
        text = re.sub(
            r"{% comment.*?endcomment %}|<style.*?</style>|{#.*?#}",
            " ",
            path.read_text(),
            flags=re.S,
        )
        quoted = re.findall(r"{% translate [\"'](.*?)[\"'][^%]*%}", text)
        yield path, " \n".join([*quoted, re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>", " ", text, flags=re.S)])


def calls(tree):
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def texts_of_code():
    """What code shows: the arguments of gettext, and every string of the settings' faults."""
    for path in OUR_CODE:
        tree = ast.parse(path.read_text())
        shown = [
            arg.value
            for call in calls(tree)
            if getattr(call.func, "id", "") in GETTEXT
            for arg in call.args
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        if path.name != "borrowed_texts.py":  # Django's and allauth's own
            yield path, " \n".join(shown)


def plain(path):
    """A document without code and links, whose names may be of any kind."""
    text = re.sub(r"```.*?```", " ", path.read_text(), flags=re.S)
    return re.sub(r"`[^`]*`|\]\([^)]*\)", " ", text)


def found(texts, *patterns):
    return [
        f"{Path(path).relative_to(ROOT)}: {hit[0]}"
        for path, text in texts
        for one in patterns
        for hit in one.finditer(text)
    ]


def test_pages_and_emails_have_no_replaced_sentence():
    sentences = [pattern(sentence) for sentence in PAGES]
    assert found(texts_of_templates(), *sentences) == []
    assert found(texts_of_code(), *sentences) == []


def test_pages_and_emails_have_no_homely_word_and_one_word_for_a_thing():
    assert found(texts_of_templates(), WORDS, TERMS) == []
    assert found(texts_of_code(), WORDS, TERMS) == []


def test_documents_have_no_homely_word():
    assert found(((path, plain(path)) for path in DOCUMENTS), WORDS) == []


def test_code_has_no_replaced_docstring():
    sentences = [pattern(sentence) for sentence in DOCSTRINGS]
    assert found(((path, path.read_text()) for path in OUR_CODE), *sentences) == []


@pytest.mark.parametrize(
    ("text", "is_found"),
    [("Mend this", True), ("to be told", True), ("amendment", False), ("standard", False)],
)
def test_words_are_whole_words(text, is_found):
    assert bool(WORDS.search(text)) is is_found
