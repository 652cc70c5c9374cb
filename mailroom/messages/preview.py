"""A mail inside one of our pages: its HTML alone, at an address and under a policy of its own.

A frame written into the page (`srcdoc`) would inherit the page's policy, and the mail lose its
styles.
"""

from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.http import HttpResponse
from django.utils.csp import CSP
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override

from mailroom.messages.links import mask_tokens
from mailroom.messages.merge_fields import shown

# A mail brings its own styles and pictures, and may do nothing else.
MAIL_POLICY: dict[str, Any] = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:", "https:"],
    "frame-ancestors": [CSP.SELF],
    "sandbox": True,
}

as_mail_frame = [csp_override(MAIL_POLICY), xframe_options_sameorigin]


def html_of(mail: EmailMultiAlternatives) -> str:
    """The HTML of a mail; "" where it has none."""
    if mail.content_subtype == "html":
        return str(mail.body)
    contents = (content for content, mimetype in mail.alternatives if mimetype == "text/html")
    return str(next(contents, ""))


def framed(mail: EmailMultiAlternatives, *, scheme: str = "", masked: bool = False) -> HttpResponse:
    """The answer for the frame; the view that returns it is decorated with `as_mail_frame`.

    scheme: "light" or "dark" shows the email as a mail program in that scheme does; "" leaves it
    to the browser. masked: leave out the tokens of its links.
    """
    html = shown(html_of(mail))
    if masked:
        html = mask_tokens(html)
    if scheme:
        applies = "all" if scheme == "dark" else "not all"
        html = html.replace("@media (prefers-color-scheme: dark)", f"@media {applies}")
        html = html.replace('content="light dark"', f'content="{scheme}"')
        html = html.replace("color-scheme: light dark", f"color-scheme: {scheme}")
    return HttpResponse(html)
