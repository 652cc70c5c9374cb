"""Uploaded pictures: decoded, written anew without what they carried along, kept by their hash.

A file is what its decoder makes of it, whatever its name says. Writing it anew leaves out where it
was taken (EXIF), and whatever was hidden behind its end.
"""

import hashlib
import io
import re
import struct
import zlib
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from newsletters.models import Picture, PictureContent

MOST_BYTES = 10 * 1024 * 1024  # of an upload
MOST_PIXELS = 40_000_000  # all frames together
MOST_FRAMES = 500
WIDEST_PICTURE = 1200  # pixels: twice the width of a mail
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_OWN_PICTURE = re.compile(r"https?://[^\s()<>\"]+/pictures/(?P<digest>[0-9a-f]{64})\.\w+")
# What Pillow's decoders raise for files that are none of theirs, or broken, or bombs.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def store_picture(upload: UploadedFile, user: Any = None) -> Picture:
    """Store an uploaded picture, once however often it comes.

    Raises ValidationError for what is no PNG, JPEG, GIF or WebP, is broken, or is too large.
    """
    if (upload.size or 0) > MOST_BYTES:
        raise ValidationError(_("It is larger than %(n)s MB.") % {"n": MOST_BYTES // 1024**2})
    return _store(*_rewritten(upload.read()), user)


def widths_in(body: str) -> dict[str, int]:
    """The width in pixels of each of our own pictures in a text, by its address."""
    found = {one["digest"]: one[0] for one in _OWN_PICTURE.finditer(body)}
    rows = Picture.objects.filter(digest__in=found).values_list("digest", "width") if found else []
    return {found[digest]: width for digest, width in rows}


def content_of(picture: Picture) -> bytes:
    """The bytes to serve. Raises FileNotFoundError where the storage has lost them."""
    with storages["pictures"].open(picture.file_name) as file:
        return bytes(file.read())


@transaction.atomic
def _store(content: bytes, mimetype: str, size: tuple[int, int], user: Any) -> Picture:
    digest = hashlib.sha256(content).hexdigest()
    picture, new = Picture.objects.get_or_create(
        digest=digest,
        defaults={
            "type": mimetype,
            "width": size[0],
            "height": size[1],
            "size": len(content),
            "uploaded_by": user,
        },
    )
    if new:
        storage = storages["pictures"]
        if not storage.exists(picture.file_name):
            storage.save(picture.file_name, ContentFile(content))
    return picture


def _rewritten(content: bytes) -> tuple[bytes, str, tuple[int, int]]:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return _moving(image) if _count_frames(image) > 1 else _still(image)
    except BROKEN as error:
        text = _("This is not a picture that can be shown: PNG, JPEG, GIF and WebP are.")
        raise ValidationError(text, "picture") from error


def _count_frames(image: Image.Image) -> int:
    """Count the frames one by one: `n_frames` would read all of a file that has half a million.

    Raises ValidationError for more frames or pixels than are allowed. A GIF's later frames may be
    larger than its first.
    """
    frames = pixels = 0
    try:
        while True:
            pixels += image.width * image.height
            if pixels > MOST_PIXELS:
                raise ValidationError(_("It has too many pixels."), "pixels")
            frames += 1
            if frames > MOST_FRAMES:
                text = _("It has more than %(most)s frames.")
                raise ValidationError(text % {"most": MOST_FRAMES}, "frames")
            image.seek(frames)
    except EOFError:
        image.seek(0)
        return frames


def _moving(image: Image.Image) -> tuple[bytes, str, tuple[int, int]]:
    """An animation becomes a GIF, the one that mail programs play."""
    out = io.BytesIO()
    image.save(out, "GIF", save_all=True, comment=b"", optimize=False)
    return out.getvalue(), "image/gif", image.size


def _still(image: Image.Image) -> tuple[bytes, str, tuple[int, int]]:
    """Upright, no wider than a mail needs; JPEG for photographs, PNG for the rest.

    WebP becomes one of them: some mail programs don't show it.
    """
    is_photo = image.format == "JPEG" or (image.format == "WEBP" and image.mode == "RGB")
    upright = ImageOps.exif_transpose(image)
    wanted = upright.convert("RGB" if is_photo else _plain_mode(upright))
    if wanted.width > WIDEST_PICTURE:
        height = max(1, round(wanted.height * WIDEST_PICTURE / wanted.width))
        wanted = wanted.resize((WIDEST_PICTURE, height), Image.Resampling.LANCZOS)
    wanted.info.clear()
    out = io.BytesIO()
    if is_photo:
        wanted.save(out, "JPEG", quality=85, progressive=True)
        return out.getvalue(), "image/jpeg", wanted.size
    wanted.save(out, "PNG", optimize=True)
    return out.getvalue(), "image/png", wanted.size


def _plain_mode(image: Image.Image) -> str:
    if image.mode in ("L", "RGB", "RGBA"):
        return image.mode
    return "RGBA" if image.has_transparency_data else "RGB"


# -- Storage ---------------------------------------------------------------------------------------


@deconstructible
class DatabaseStorage(Storage):
    """Keeps each file as a row. Names are made of the content: one that exists is the same file."""

    def _open(self, name: str, mode: str = "rb") -> File:
        row = PictureContent.objects.filter(name=name).first()
        if row is None:
            raise FileNotFoundError(name)
        return ContentFile(bytes(row.content), name)

    def _save(self, name: str, content: File) -> str:
        PictureContent.objects.get_or_create(name=name, defaults={"content": content.read()})
        return name

    def exists(self, name: str) -> bool:
        return PictureContent.objects.filter(name=name).exists()

    def delete(self, name: str) -> None:
        PictureContent.objects.filter(name=name).delete()
