"""A storage of files in the database, which outlives a platform's disk."""

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from newsletters.models import PictureContent


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
