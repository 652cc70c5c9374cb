from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NewslettersConfig(AppConfig):
    name = "newsletters"
    verbose_name = _("Newsletters")

    def ready(self) -> None:
        from allauth.account.signals import email_changed
        from django.conf import settings
        from django.db.models.signals import pre_delete

        from mailroom import signals
        from newsletters import guarding, people, receivers

        people.register()
        email_changed.connect(people.address_changed, dispatch_uid="newsletters-address")
        pre_delete.connect(
            people.account_deleted, settings.AUTH_USER_MODEL, dispatch_uid="newsletters-account"
        )

        signals.complained.connect(receivers.leave, dispatch_uid="newsletters-complaint")
        signals.unsubscribed.connect(receivers.leave, dispatch_uid="newsletters-unsubscribed")
        signals.account_refused.connect(
            guarding.account_refused, dispatch_uid="newsletters-account-refused"
        )
