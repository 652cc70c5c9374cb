from allauth.account.signals import email_changed
from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _

from mailroom import signals
from newsletters.signals import issue_unroutable


class NewslettersConfig(AppConfig):
    name = "newsletters"
    verbose_name = _("Newsletters")

    def ready(self) -> None:
        # These need the models, which Django loads after the apps.
        from newsletters import receivers
        from newsletters.sending import auto_pause
        from newsletters.subscribers import account_sync

        account_sync.register()
        email_changed.connect(account_sync.address_changed, dispatch_uid="newsletters-address")
        pre_delete.connect(
            account_sync.account_deleted,
            settings.AUTH_USER_MODEL,
            dispatch_uid="newsletters-account",
        )

        signals.complained.connect(receivers.leave, dispatch_uid="newsletters-complaint")
        signals.unsubscribed.connect(receivers.leave, dispatch_uid="newsletters-unsubscribed")
        signals.account_refused.connect(
            auto_pause.stop_for_refused_account, dispatch_uid="newsletters-account-refused"
        )
        issue_unroutable.connect(
            auto_pause.stop_for_a_router, dispatch_uid="newsletters-unroutable"
        )
