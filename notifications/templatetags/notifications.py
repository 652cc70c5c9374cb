"""`{% load notifications %}`: Markdown and the line of a notification."""

from django import template
from django.template import Context
from django.template.base import Template
from django.template.loader import get_template
from django.utils.safestring import SafeString, mark_safe

from notifications.markdown import announcement_html
from notifications.models import Notification

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """`{{ body|markdown }}`: safe HTML."""
    return announcement_html(text)


@register.simple_tag(takes_context=True)
def line(context: Context, notification: Notification) -> str:
    """What a notification says, from its kind's template; escaped where the page escapes."""
    values = {"notification": notification, **notification.data}
    found: Template = get_template(notification.template).template  # type: ignore[attr-defined]
    inner = Context(values, autoescape=context.autoescape)
    return mark_safe(found.render(inner).strip())  # noqa: S308  (a template has rendered it)
