"""Pictures of issues, for everybody, for ever: their address is made of their content."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from django.views.generic import View

from newsletters.composing.pictures import content_of
from newsletters.models import Picture
from newsletters.models.picture import EXTENSIONS

A_YEAR = 31_536_000  # seconds
# Opened by itself it may do nothing either, whatever a browser takes it for.
INERT: dict[str, Any] = {"default-src": [CSP.NONE], "sandbox": True}


@method_decorator(csp_override(INERT), name="dispatch")
class PictureFile(View):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, digest: str, extension: str) -> HttpResponse:
        picture = get_object_or_404(Picture, digest=digest)
        if extension != EXTENSIONS[picture.type]:
            raise Http404
        headers = {
            "Cache-Control": f"public, max-age={A_YEAR}, immutable",
            "ETag": f'"{digest}"',
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "cross-origin",  # webmail shows it from elsewhere
        }
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return HttpResponseNotModified(headers=headers)
        try:
            content = content_of(picture)
        except FileNotFoundError as error:
            raise Http404 from error
        return HttpResponse(content, content_type=picture.type, headers=headers)
