"""Template tags for emails and for pages of the staff: `{% load mailroom %}`."""

from typing import Any

from django import template
from django.db import DatabaseError

from mailroom.messages import links
from mailroom.models import WorkerBeat

register = template.Library()


@register.simple_tag
def public_url(view: str, *args: Any, **kwargs: Any) -> str:
    """`{% public_url 'home' %}`: the absolute address of a view, for use in mails."""
    return links.public_url(view, *args, **kwargs)


@register.simple_tag
def no_worker() -> bool:
    """`{% no_worker as nobody_sends %}`: True where email is queued and no process sends it."""
    try:
        return not WorkerBeat.alive().exists()
    except DatabaseError:
        return False  # the page has something worse to say
