"""Pictures: what is kept, what is refused, and how it is served."""

import io
import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from newsletters.composing import pictures
from newsletters.composing.pictures import store_picture
from newsletters.models import Picture, PictureContent

UPLOAD = "/admin/newsletters/issue/draft/picture/"
SCRIPT = b"<script>alert(document.domain)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'


def image(kind: str = "PNG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **how) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "steelblue" if mode == "RGB" else 0).save(out, kind, **how)
    return out.getvalue()


def upload(content: bytes, name: str = "a.png", type: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, type)


def located() -> bytes:
    """A photograph that says where it was taken, and lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it to see it upright
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    return image("JPEG", (40, 20), exif=exif.tobytes())


def animated() -> bytes:
    frames = [Image.new("RGB", (10, 10), color) for color in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 10,000 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


DISGUISED = {
    "svg": SVG,
    "svg behind an XML declaration": b'<?xml version="1.0"?>' + SVG,
    "html": b"<!doctype html>" + SCRIPT,
    "html behind a GIF's first bytes": b"GIF89a/*" + SCRIPT + b"*/",
    "html behind a PNG's first bytes": b"\x89PNG\r\n\x1a\n" + SCRIPT,
    "html behind a JPEG's first bytes": b"\xff\xd8\xff\xe0" + SCRIPT,
    "pdf": b"%PDF-1.7\n" + SCRIPT,
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "a program": b"MZ\x90\0" + b"\0" * 60,
    "a zip": b"PK\x03\x04" + b"\0" * 60,
    "nothing": b"",
    "a bitmap": image("BMP"),
    "an icon": image("ICO", (16, 16)),
    "a TIFF": image("TIFF"),
    "half a PNG": image(size=(400, 400))[:200],
    "a decompression bomb": bomb(),
}


@pytest.mark.django_db
class TestKeeping:
    @pytest.mark.parametrize(
        ("content", "type"),
        [
            (image("PNG"), "image/png"),
            (image("PNG", mode="P"), "image/png"),
            (image("PNG", mode="I;16"), "image/png"),
            (image("JPEG"), "image/jpeg"),
            (image("JPEG", mode="CMYK"), "image/jpeg"),
            (image("WEBP"), "image/jpeg"),
            (image("WEBP", mode="RGBA"), "image/png"),
            (image("GIF"), "image/png"),
            (animated(), "image/gif"),
        ],
    )
    def test_what_mail_programs_show(self, content, type):
        picture = store_picture(upload(content))
        assert picture.type == type
        with Image.open(io.BytesIO(pictures.content_of(picture))) as seen:
            assert seen.size == (picture.width, picture.height)

    @pytest.mark.parametrize("name", DISGUISED)
    def test_what_is_no_picture_is_refused(self, name):
        with pytest.raises(ValidationError):
            store_picture(upload(DISGUISED[name]))
        assert not Picture.objects.exists()
        assert not PictureContent.objects.exists()

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
    def test_what_hides_behind_a_picture_is_left_out(self, kind):
        picture = store_picture(upload(image(kind) + SCRIPT + SVG))
        assert b"<script" not in pictures.content_of(picture)

    def test_what_hides_in_its_comments_is_left_out(self):
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", SCRIPT.decode())
        for content in (image(pnginfo=notes), image("JPEG", comment=SCRIPT), animated()):
            assert b"<script" not in pictures.content_of(store_picture(upload(content)))

    def test_where_it_was_taken_is_left_out_and_it_stands_upright(self):
        picture = store_picture(upload(located(), "photo.jpg", "image/jpeg"))
        assert (picture.width, picture.height) == (20, 40)
        with Image.open(io.BytesIO(pictures.content_of(picture))) as seen:
            assert dict(seen.getexif()) == {}

    def test_a_wide_one_is_made_as_wide_as_a_mail_needs(self):
        picture = store_picture(upload(image(size=(3000, 1000))))
        assert (picture.width, picture.height) == (1200, 400)

    def test_the_same_one_is_kept_once(self, editor):
        assert store_picture(upload(image()), editor) == store_picture(upload(image(), "other.png"))
        assert PictureContent.objects.count() == 1

    @pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 50), ("MOST_PIXELS", 799)])
    def test_too_much_is_refused(self, monkeypatch, limit, value):
        monkeypatch.setattr(pictures, limit, value)
        with pytest.raises(ValidationError):
            store_picture(upload(image()))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]), st.data())
    def test_a_spoilt_file_is_kept_or_refused(self, kind, data):
        content = bytearray(image(kind))
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        try:
            store_picture(upload(bytes(content)))
        except ValidationError:
            return

    def test_another_storage_may_keep_the_bytes(self, settings, tmp_path):
        elsewhere = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
        settings.STORAGES = {**settings.STORAGES, "pictures": elsewhere}
        picture = store_picture(upload(image()))
        assert (tmp_path / picture.file_name).read_bytes() == pictures.content_of(picture)
        assert not PictureContent.objects.exists()


@pytest.mark.django_db
class TestServing:
    def test_it_may_be_kept_for_ever_and_do_nothing(self, client):
        picture = store_picture(upload(image()))
        answer = client.get(picture.path)
        assert answer.content == pictures.content_of(picture)
        assert answer["Content-Type"] == "image/png"
        assert "immutable" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert "Set-Cookie" not in answer
        assert (
            client.get(picture.path, headers={"If-None-Match": answer["ETag"]}).status_code == 304
        )

    def test_its_address_is_absolute_and_made_of_its_content(self):
        picture = store_picture(upload(image()))
        assert picture.url == f"http://mailroom.test/newsletters/pictures/{picture.digest}.png"

    def test_what_is_not_there_is_not_found(self, client):
        picture = store_picture(upload(image()))
        assert client.get(f"/newsletters/pictures/{'0' * 64}.png").status_code == 404
        assert client.get(picture.path.replace(".png", ".svg")).status_code == 404
        storages["pictures"].delete(picture.file_name)
        assert client.get(picture.path).status_code == 404


class TestUploading:
    def test_the_markdown_is_offered(self, desk):
        answer = desk.post(UPLOAD, {"picture": upload(image()), "alt": "A [cat](x) & `more`"})
        picture = Picture.objects.get()
        shown = rf"![A \[cat\](x) \&amp; \`more\`]({picture.url})"
        assert shown in answer.text

    def test_a_disguised_one_is_told(self, desk):
        answer = desk.post(UPLOAD, {"picture": upload(SVG, '"><script>alert(1)</script>.png')})
        assert "This is not a picture that can be shown" in answer.text
        assert "<script>alert" not in answer.text

    def test_nothing_chosen_is_told(self, desk):
        assert "errornote" in desk.post(UPLOAD).text

    def test_it_takes_the_right_to_write(self, client, django_user_model):
        clerk = django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        client.force_login(clerk)
        assert client.post(UPLOAD, {"picture": upload(image())}).status_code == 403

    def test_they_are_listed(self, desk):
        picture = store_picture(upload(image()))
        assert picture.url in desk.get("/admin/newsletters/picture/").text
