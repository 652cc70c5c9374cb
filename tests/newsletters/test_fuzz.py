"""Any text is rendered or refused, never a crash."""

from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletters.markdown import KNOWN, render_html, render_text, validate_body
from newsletters.validators import printable

PIECES = ["{", "}", "{{", "%}", "{name}", "{x}", "[a](", "![", ")", "]", "|", "\n", "- ", "> ", "`"]
SOUP = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=25).map("".join)
VALUES = dict.fromkeys(KNOWN, "value")


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
