"""An editor's text, tables and pictures cost a bounded amount of work."""

import struct

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from newsletters.composing import pictures, preflight
from newsletters.composing.preview import preview
from newsletters.markdown import check, parser, render_html, validate_body, validate_text
from newsletters.models import Picture
from notifications.markdown import announcement_html
from notifications.models import Announcement

ISSUES = "/admin/newsletters/issue/"


def table(columns: int, rows: int, *, cells: int | None = None, end: str = "\n") -> str:
    """A table whose rows below the head have `cells` cells: Markdown adds those that lack."""
    head = [["a"] * columns, ["-"] * columns]
    body = [["a"] * (cells or columns)] * rows
    return end.join(f"|{'|'.join(row)}|" for row in [*head, *body])


TOO_LARGE = {
    "a table of 300 × 300": table(300, 300),
    "rows that are filled up": table(300, 300, cells=1),
    "with line ends of Windows": table(100, 60, end="\r\n"),
    "in a quotation": "\n".join(f"> {line}" for line in table(100, 60).splitlines()),
    "many tables": "\n\n".join([table(10, 10)] * 50),
    "a long text": "word " * 50_000,
}


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """The texts that were parsed."""
    from newsletters.markdown import html, text

    found: list[str] = []

    def parse(body: str):
        found.append(body)
        return parser.parse_markdown(body)

    for module in (check, html, text):
        monkeypatch.setattr(module, "parse_markdown", parse)
    return found


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(parsed, name):
    with pytest.raises(ValidationError, match="at most"):
        validate_body(TOO_LARGE[name])
    assert parsed == []


@pytest.mark.parametrize(
    "body", [table(6, 200), "\n\n".join([table(5, 8)] * 20), "a | b\n\n" * 1000]
)
def test_ordinary_tables_are_accepted(body):
    validate_body(body)
    assert render_html(body, {})


def test_a_plain_text_that_is_too_long_is_refused():
    with pytest.raises(ValidationError, match="at most"):
        validate_text("word " * 50_000)


def test_a_list_of_faults_has_an_end():
    with pytest.raises(ValidationError) as refused:
        validate_body("{nobody}\n\n" * 5000)
    assert len(refused.value.messages) == check.MAX_FAULTS


def test_every_page_says_what_is_wrong_with_a_stored_draft(desk, draft, parsed):
    type(draft).objects.update(body=TOO_LARGE["a table of 300 × 300"])
    pages = ["preview/", "frame/", "publish/", "change/"]

    shown = [desk.get(f"{ISSUES}{draft.pk}/{page}", follow=True) for page in pages]

    assert {page.status_code for page in shown} == {200}
    assert all("The tables have about" in page.text for page in shown[:3])
    assert parsed == []


@pytest.mark.parametrize("page", ["frame", "checks"])
def test_the_preview_while_writing_says_so_too(desk, weekly, parsed, page):
    fields = {"newsletter": weekly.pk, "subject": "S", "slug": "s"}
    shown = desk.post(f"{ISSUES}draft/{page}/", fields | {"body": table(300, 300)})

    assert "The tables have about" in shown.text
    assert parsed == []


def test_neither_checks_nor_tests_render_it(draft, parsed):
    draft.body = table(300, 300)
    assert preflight.made_up_email(draft) is None
    assert "The tables have about" in " ".join(preflight.errors(draft))
    with pytest.raises(ValueError, match="The tables have about"):
        preview(draft, "Ann", "ann@example.com")
    assert parsed == []


LONG = f"https://example.com/{'a' * 30_000}"


@pytest.mark.parametrize("definition", [f"[a]: {LONG}", f"[a]: /b\n '{LONG}'", f"> [a]:\n> {LONG}"])
def test_a_long_link_that_is_defined_once_is_not_used_thousands_of_times(parsed, definition):
    with pytest.raises(ValidationError, match="used too often"):
        validate_body(f"{definition}\n\n{'[a] ' * 5_000}")
    assert parsed == []
    assert len(announcement_html(f"{definition}\n\n{'[a] ' * 5_000}")) < 100_000


def test_a_bare_address_is_looked_at_only_up_to_a_limit():
    text = "www." * 25_000
    assert parser._www_length(None, text, 4) <= parser.LONGEST_ADDRESS
    assert 'href="https://www.example.com/a"' in render_html("See www.example.com/a.", {})


def test_links_that_are_defined_below_the_text_are_accepted():
    links = "\n".join(f"[{n}]: https://example.com/{'a' * 80}/{n}" for n in range(100))
    validate_body("See [1] and [2][3].\n\n" * 50 + links)


def test_a_long_announcement_is_refused():
    with pytest.raises(ValidationError, match="at most"):
        Announcement(title="News", body="word " * 30_000).full_clean()


# -- Pictures --------------------------------------------------------------------------------------

SCREEN = struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"


def frame(width: int = 1, height: int = 1) -> bytes:
    head = struct.pack("<BHHHHB", 0x2C, 0, 0, width, height, 0)
    return head + b"\x02\x02\x44\x01\x00"


def gif(*frames: bytes) -> bytes:
    return b"GIF89a" + SCREEN + b"".join(frames) + b"\x3b"


def upload(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.gif", content, "image/gif")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gif(*[frame()] * 500_000), "more than 500 frames"),
        (gif(*[frame()] * 501), "more than 500 frames"),
        (gif(frame(), frame(8000, 8000)), "too many pixels"),
    ],
)
def test_an_animation_is_looked_at_only_up_to_the_limit(db, monkeypatch, content, told):
    from PIL import GifImagePlugin

    seeks: list[int] = []
    real = GifImagePlugin.GifImageFile._seek

    def seek(self, number, update_image=True):
        seeks.append(number)
        return real(self, number, update_image)

    monkeypatch.setattr(GifImagePlugin.GifImageFile, "_seek", seek)
    with pytest.raises(ValidationError, match=told):
        pictures.store_picture(upload(content))
    assert len(seeks) <= pictures.MOST_FRAMES + 2
    assert not Picture.objects.exists()


def test_an_animation_of_as_many_frames_as_allowed_is_kept(db):
    assert pictures.store_picture(upload(gif(*[frame()] * 500))).type == "image/gif"
