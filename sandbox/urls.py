from django.urls import path

from sandbox import views

app_name = "sandbox"
urlpatterns = [
    path("sandbox/", views.providers_page, name="providers"),
    path("sandbox/mode/", views.mode, name="mode"),
    path("inbox/", views.inbox_page, name="inbox"),
    path("inbox/<int:number>/", views.email_page, name="email"),
    path("inbox/<int:number>/html/", views.email_html, name="email_html"),
    path("inbox/<int:number>/raw/", views.email_raw, name="email_raw"),
    path("inbox/<int:number>/files/<int:file>/", views.email_file, name="email_file"),
    path("inbox/previews/", views.previews_page, name="previews"),
    path("inbox/previews/<str:name>/", views.preview_page, name="preview"),
    path("inbox/previews/<str:name>/html/", views.preview_html, name="preview_html"),
]
