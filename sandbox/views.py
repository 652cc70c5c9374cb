"""The pages of the sandbox: its providers, the inbox, and a preview of every type of email."""

import re
from email.message import EmailMessage
from functools import wraps
from io import BytesIO
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Page, Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_POST, require_safe

from mailroom.admin.timeline import timeline
from mailroom.messages.preview import MAIL_POLICY
from mailroom.models.queries import row_id
from sandbox import inbox
from sandbox.accounts import accounts
from sandbox.behaviour import PERSONAS, Mode, mode_of, set_behaviour

EMAILS_A_PAGE = 50
RAW_SHOWN = 200_000  # characters; all of it can be downloaded
EMAIL_PARTS = {
    "html": gettext_lazy("HTML"),
    "text": gettext_lazy("Text"),
    "headers": gettext_lazy("Headers"),
    "raw": gettext_lazy("Raw"),
}
# A link in an email opens its page in place of the inbox, as the person who clicks expects; nothing
# else may leave the frame.
FRAME_POLICY = {**MAIL_POLICY, "sandbox": ["allow-top-navigation-by-user-activation"]}


def development_only(view: Any) -> Any:
    """Answer 404 without DEBUG: emails hold addresses and secret links."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DEBUG:
            raise Http404
        answer: HttpResponse = view(request, *args, **kwargs)
        return answer

    return guarded


def page(view: Any) -> Any:
    """A page in development that changes nothing."""
    return require_safe(never_cache(development_only(view)))


may_manage = permission_required("mailroom.manage_mailers", raise_exception=True)


# -- Providers -------------------------------------------------------------------------------------


@page
@staff_member_required
@may_manage
def providers_page(request: HttpRequest) -> HttpResponse:
    """Show how each provider behaves, and which recipients something happens to."""
    rows = [(account, mode_of(account.alias)) for account in accounts()]
    context = {"rows": rows, "modes": Mode.choices, "personas": PERSONAS}
    return render(request, "sandbox/providers.html", context)


@require_POST
@development_only
@staff_member_required
@may_manage
def mode(request: HttpRequest) -> HttpResponse:
    """Make a provider behave as chosen."""
    alias, wanted = request.POST.get("alias", ""), request.POST.get("mode", "")
    if wanted not in Mode.values or alias not in {one.alias for one in accounts()}:
        return HttpResponseBadRequest()
    set_behaviour(alias, Mode(wanted))
    told = {"alias": alias, "how": Mode(wanted).label}
    messages.success(request, _("%(alias)s %(how)s.") % told)
    return redirect("sandbox:providers")


# -- The inbox -------------------------------------------------------------------------------------


@page
def inbox_page(request: HttpRequest) -> HttpResponse:
    """List the emails that were delivered, by channel and provider, and search them.

    htmx asks with the number of the newest email that it shows: 204 while there is no newer one.
    """
    asked = request.GET
    delivery = row_id(asked.get("delivery", ""))
    found = inbox.Emails(
        asked.get("channel", ""), asked.get("provider", ""), asked.get("q", "")[:200], delivery
    )
    shown: Page[Any] = Paginator(cast("Any", found), EMAILS_A_PAGE).get_page(asked.get("page"))
    rows = list(shown)
    newest = str(rows[0].id) if rows else "0"
    if request.headers.get("HX-Request") == "true" and asked.get("newest") == newest:
        return HttpResponse(status=204)
    channels, aliases = inbox.choices()
    filters = asked.copy()
    for name in ("page", "newest"):
        filters.pop(name, None)
    context = {
        "emails": rows,
        "shown": shown,
        "newest": newest,
        "delivery": delivery,
        "channels": channels,
        "providers": aliases,
        "filters": filters.urlencode(),
        "is_filtered": any(filters.values()),
        "kept_emails": inbox.KEPT_EMAILS,
        "kept_days": inbox.INBOX_DAYS,
    }
    return render(request, "sandbox/inbox.html", context)


@page
def email_page(request: HttpRequest, number: int) -> HttpResponse:
    """Show one email as HTML, text, headers or raw, and what happened to its delivery."""
    email, mail = _one(number)
    delivery = inbox.delivery_with(email.message_id, email.recipients.split(", "))
    may_open = request.user.is_staff and request.user.has_perm("mailroom.view_delivery")
    context = {
        "email": email,
        "delivery": delivery if may_open else None,
        "timeline": timeline(delivery) if delivery else [],
        "files": [part.get_filename() or _("unnamed") for part in mail.iter_attachments()],
    }
    return render(request, "sandbox/email.html", context | _content(request, mail))


@page
@csp_override(FRAME_POLICY)
@xframe_options_sameorigin
def email_html(request: HttpRequest, number: int) -> HttpResponse:
    """The HTML of an email, for the frame in its page."""
    return _framed(_one(number)[1])


@page
def email_raw(request: HttpRequest, number: int) -> FileResponse:
    """Download an email as it arrived."""
    return _download(_one(number)[1].as_bytes(), f"email-{number}.eml", "message/rfc822")


@page
def email_file(request: HttpRequest, number: int, file: int) -> FileResponse:
    """Download an attachment. file: its place in the email, from 0."""
    parts = list(_one(number)[1].iter_attachments())
    if file >= len(parts):
        raise Http404
    part = parts[file]
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):  # an email in an email
        content = b"".join(bytes(one) for one in part.get_payload() if not isinstance(one, str))
    return _download(content, part.get_filename() or f"file-{file}", "application/octet-stream")


# -- Previews --------------------------------------------------------------------------------------


@page
def previews_page(request: HttpRequest) -> HttpResponse:
    """List every type of email, with a preview of each."""
    types = settings.MESSAGE_TYPES
    rows = [(name, types[name]) for name in inbox.previews() if name in types]
    return render(request, "sandbox/previews.html", {"rows": rows})


@page
def preview_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a made-up email of a type as HTML, text, headers or raw, in any language."""
    context = {
        "name": name,
        "type": settings.MESSAGE_TYPES.get(name),
        "language": _language(request),
        "languages": settings.LANGUAGES,
    }
    content = _content(request, _preview(request, name))
    return render(request, "sandbox/preview.html", context | content)


@page
@csp_override(FRAME_POLICY)
@xframe_options_sameorigin
def preview_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML of a preview, for the frame in its page."""
    return _framed(_preview(request, name))


def _preview(request: HttpRequest, name: str) -> EmailMessage:
    make = inbox.previews().get(name)
    if not make:
        raise Http404
    return inbox.parsed(make(_language(request)))


def _language(request: HttpRequest) -> str:
    wanted = request.GET.get("language", "")
    return wanted if wanted in dict(settings.LANGUAGES) else get_language() or ""


# -- Both ------------------------------------------------------------------------------------------


def _one(number: int) -> tuple[inbox.Email, EmailMessage]:
    found = inbox.read_email(number) if number < 2**63 else None
    if not found:
        raise Http404
    return found


def _content(request: HttpRequest, mail: EmailMessage) -> dict[str, Any]:
    """What the page of an email shows of it, in the look that was asked for."""
    html, look = inbox.body_of(mail, "html"), request.GET.get("look", "")
    if look not in EMAIL_PARTS or (look == "html" and not html):
        look = "html" if html else "text"
    raw = mail.as_bytes().decode(errors="replace") if look == "raw" else ""
    return {
        "looks": {name: one for name, one in EMAIL_PARTS.items() if html or name != "html"},
        "look": look,
        "subject": str(mail["Subject"] or ""),
        "sender": str(mail["From"] or ""),
        "to": str(mail["To"] or ""),
        "headers": mail.items(),
        "text": inbox.body_of(mail, "plain"),
        "raw": raw[:RAW_SHOWN],
        "is_cut": len(raw) > RAW_SHOWN,
    }


def _framed(mail: EmailMessage) -> HttpResponse:
    html, base = inbox.body_of(mail, "html"), '<base target="_top">'
    head = re.search(r"<head\b[^>]*>", html, re.IGNORECASE)
    place = head.end() if head else 0
    return HttpResponse(html[:place] + base + html[place:])


def _download(content: bytes, name: str, kind: str) -> FileResponse:
    return FileResponse(BytesIO(content), as_attachment=True, filename=name, content_type=kind)
