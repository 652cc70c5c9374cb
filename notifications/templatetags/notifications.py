"""`{% load notifications %}`: Markdown and the line of a notification."""

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from notifications.markdown import render_html
from notifications.models import Notification

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """`{{ body|markdown }}`: safe HTML."""
    return render_html(text)


@register.simple_tag
def line(notification: Notification) -> SafeString:
    """What a notification says, from its kind's template."""
    context = {"notification": notification, **notification.data}
    return render_to_string(notification.template, context)
