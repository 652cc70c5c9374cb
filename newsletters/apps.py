from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NewslettersConfig(AppConfig):
    name = "newsletters"
    verbose_name = _("newsletters")

    def ready(self) -> None:
        from mailroom import signals
        from newsletters import receivers

        signals.complained.connect(receivers.leave, dispatch_uid="newsletters-complaint")
        signals.unsubscribed.connect(receivers.leave, dispatch_uid="newsletters-unsubscribed")
