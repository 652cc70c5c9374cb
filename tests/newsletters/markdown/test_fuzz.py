"""Any text is rendered or refused, never a crash."""

import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletters.markdown import KNOWN, fill, render_html, render_text, validate_body
from newsletters.markdown.check import validate_subject, validate_text
from newsletters.validators import one_line, printable

PIECES = ["{", "}", "{{", "%}", "{name}", "{x}", "[a](", "![", ")", "]", "|", "\n", "- ", "> ", "`"]
SOUP = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=25).map("".join)
VALUES = dict.fromkeys(KNOWN, "value")

NAMES = st.one_of(
    st.sampled_from(
        [*KNOWN, "nane", "NAME", "name.x", "name|safe", "0", "", "settings.SECRET_KEY"]
    ),
    st.from_regex(r"[A-Za-z_.|:%{}\[\]!0-9 ]{0,12}", fullmatch=True),
)
AROUND = ["{%s}", "{{%s}}", "{{{%s}}}", "{%% %s %%}", "{ %s }", "${%s}", "[x]({%s})", "![x]({%s})"]
AROUND += ["`{%s}`", "**{%s}**", "{%s", "%s}", "[{%s}](https://a.example)", "| {%s} |\n|--|\n"]
AROUND += ["{{%s|safe}}", "{%s!r}", "{%s:>9999999}", "{%s.__class__}", "{%s[0]}", "{{% load %s %}}"]
PLACEHOLDERS = st.lists(
    st.one_of(
        st.builds(lambda around, name: around.replace("%s", name), st.sampled_from(AROUND), NAMES),
        st.text(max_size=8),
    ),
    max_size=8,
).map(" ".join)
FRAME = "/admin/newsletters/issue/draft/frame/"
UNKNOWN = re.compile(rf"(?<!\{{)\{{(?!(?:{'|'.join(KNOWN)})\}})[A-Za-z_][A-Za-z0-9_]*\}}(?!\}})")


@settings(max_examples=200, deadline=None)
@given(SOUP)
def test_soup_is_rendered_or_refused(body):
    try:
        printable(body)
        validate_body(body)
    except ValidationError:
        return
    page = render_html(body, VALUES)
    assert isinstance(render_text(body, VALUES), str)
    assert "<script" not in page


def literal_or_refused(text: str) -> None:
    """Nothing in it is code; an unknown name is refused or shown as it was typed."""
    try:
        printable(text)
        validate_body(text)
    except ValidationError:
        pass
    else:
        plain = render_text(text, VALUES)
        assert "\ue0f0" not in plain + render_html(text, VALUES)
        assert "only-for-tests" not in plain
    try:
        one_line(text)
        validate_subject(text)
        validate_text(text)
    except ValidationError:
        return
    assert not UNKNOWN.search(text)
    assert UNKNOWN.sub("", fill(text, VALUES)) == fill(text, VALUES)


@settings(max_examples=300, deadline=None)
@given(PLACEHOLDERS)
def test_placeholders_are_literal_or_refused(text):
    literal_or_refused(text)


@pytest.mark.full
@settings(max_examples=10_000, deadline=None)
@given(PLACEHOLDERS)
def test_ten_thousand_placeholders_are_literal_or_refused(text):
    literal_or_refused(text)


def show(desk, weekly, body: str, subject: str) -> None:
    fields = {"newsletter": weekly.pk, "slug": "x", "subject": subject, "body": body}
    answer = desk.post(FRAME, {**fields, "preheader": subject, "text": body})
    assert answer.status_code == 200
    assert "only-for-tests" not in answer.text


ANY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=60, **ANY)
@given(PLACEHOLDERS, PLACEHOLDERS)
def test_the_preview_never_fails(desk, weekly, body, subject):
    show(desk, weekly, body, subject)


@pytest.mark.full
@settings(max_examples=10_000, **ANY)
@given(PLACEHOLDERS, PLACEHOLDERS)
def test_the_preview_never_fails_in_ten_thousand(desk, weekly, body, subject):
    show(desk, weekly, body, subject)
