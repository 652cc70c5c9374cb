"""Django's SMTP backend, made fast. Imports nothing but Django: it works without the outbox."""

from mailroom.backends.smtp.backend import EmailBackend

__all__ = ["EmailBackend"]
