from django.urls import path

from sandbox import views

app_name = "sandbox"
urlpatterns = [path("", views.providers, name="providers"), path("mode/", views.mode, name="mode")]
