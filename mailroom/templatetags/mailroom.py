"""Template tags for e-mails: `{% load mailroom %}`."""

from typing import Any

from django import template

from mailroom import links

register = template.Library()


@register.simple_tag
def public_url(view: str, *args: Any, **kwargs: Any) -> str:
    """`{% public_url 'home' %}`: the absolute address of a view, for use in mails."""
    return links.public_url(view, *args, **kwargs)
