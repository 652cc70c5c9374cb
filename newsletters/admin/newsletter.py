from django.contrib import admin

from newsletters.models import Newsletter


@admin.register(Newsletter)
class NewsletterAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "language"]
    prepopulated_fields = {"slug": ["name"]}
    search_fields = ["name"]
