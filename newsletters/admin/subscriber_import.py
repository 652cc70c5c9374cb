"""The pages of an import: upload, columns, what will change, progress."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from mailroom.admin.own_views import OwnViewsAdmin
from mailroom.models.queries import row_id
from newsletters.admin.forms import ColumnsForm, UploadForm
from newsletters.models import SubscriberImport
from newsletters.subscribers import importing

CHANGE_PAGE = "admin:newsletters_subscriberimport_change"
TEMPLATE_FOLDER = "admin/newsletters/subscriberimport"


@admin.register(SubscriberImport)
class SubscriberImportAdmin(OwnViewsAdmin):
    """Imports, for users who may add, change and view subscribers: an import does all three."""

    form = UploadForm
    list_display = ["file_name", "newsletter", "state", "total", "author", "created_at"]
    list_select_related = ["newsletter", "author"]
    fields = ["newsletter", "consent", "file"]
    own_views = {
        "<int:pk>/columns/": "columns",
        "<int:pk>/start/": "start",
        "<int:pk>/progress/": "progress",
        "<int:pk>/problems/": "problems",
    }

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("data", "problem_file")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(
            [f"newsletters.{verb}_subscription" for verb in ("add", "change", "view")]
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        obj.author = request.user
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, *args: Any) -> HttpResponse:
        return redirect(CHANGE_PAGE, obj.pk)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        job = self._job(request, row_id(object_id))
        return self._page(request, job, ColumnsForm(job))

    def columns(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self._job(request, pk)
        form = ColumnsForm(job, request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self._page(request, job, form)
        importing.check_columns(job, form.columns())
        return redirect(CHANGE_PAGE, pk)

    def start(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self._job(request, pk)
        if request.method == "POST":
            importing.start_import(job)
        return redirect(CHANGE_PAGE, pk)

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self._job(request, pk)
        return render(request, f"{TEMPLATE_FOLDER}/_state.html", self._told(job, ColumnsForm(job)))

    def problems(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The lines that were left out, each with its reason, to correct and upload again."""
        job = self._job(request, pk)
        if not job.problem_file:
            raise Http404
        name = f"import-{job.pk}-problems.csv"
        return HttpResponse(
            b"\xef\xbb\xbf" + bytes(job.problem_file),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _job(self, request: HttpRequest, pk: int | None) -> SubscriberImport:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return get_object_or_404(SubscriberImport.objects.select_related("newsletter"), pk=pk)

    def _page(self, request: HttpRequest, job: SubscriberImport, form: Any) -> HttpResponse:
        site = self.admin_site.each_context(request)
        context = {**site, "opts": self.opts, "title": _("Import"), **self._told(job, form)}
        return render(request, f"{TEMPLATE_FOLDER}/import.html", context)

    def _told(self, job: SubscriberImport, form: ColumnsForm) -> dict[str, Any]:
        labels = {
            "new": _("new"),
            "confirmed": _("confirmed"),
            "left": _("stays unsubscribed"),
            "erased": _("had their data erased: skipped"),
            "leaving": _("unsubscribed"),
            "pending": _("waiting for confirmation"),
        }
        rows = [(labels.get(what, _("unchanged")), *cells) for what, *cells in job.sample]
        return {
            "job": job,
            "form": form,
            "examples": importing.examples(job.file) if job.data else [],
            "rows": rows,
            "counts": importing.in_words(job.counts),
        }
