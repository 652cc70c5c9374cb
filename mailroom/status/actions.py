"""What a person may do with a provider. Each returns what to tell them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from mailroom.config.channels import channel_options
from mailroom.delivery import breaker
from mailroom.delivery.transport import hand_over, mailer_for
from mailroom.messages import TemplatedMessage
from mailroom.models import MailAccount, MailerHealth
from mailroom.outcomes import ACCEPTED, classify

Notice = tuple[int, str]  # a level of django.contrib.messages, and a sentence

label = MailAccount.objects.label  # a provider for people: a mail account by its name


def pause_provider(alias: str, request: HttpRequest) -> Notice:
    """Hand it nothing until it is resumed; its mail goes by others, or waits."""
    breaker.set_mode(alias, MailerHealth.Mode.PAUSED)
    return messages.SUCCESS, _("%s is paused. It gets no email until it is resumed.") % label(alias)


def drain_provider(alias: str, request: HttpRequest) -> Notice:
    """Hand it only what nobody else can carry."""
    breaker.set_mode(alias, MailerHealth.Mode.DRAINING)
    return messages.SUCCESS, _(
        "%s is draining. It gets only email that no other provider can send."
    ) % label(alias)


def resume_provider(alias: str, request: HttpRequest) -> Notice:
    """Give it back to its breaker."""
    breaker.set_mode(alias, MailerHealth.Mode.AUTOMATIC)
    return messages.SUCCESS, _("%s is in use.") % label(alias)


def probe(alias: str, request: HttpRequest) -> Notice:
    """Connect to it, where it is a server to connect to; the next email tries it in any case."""
    breaker.try_now(alias)
    mailer: Any = mailer_for(alias)
    try:
        connected = mailer.open()
    except Exception as error:  # noqa: BLE001  (told to the person in the provider's words)
        return _refused(alias, error)
    finally:
        mailer.close()
    if connected:
        breaker.report(alias, ACCEPTED)
        return messages.SUCCESS, _("%s answers.") % label(alias)
    return messages.INFO, _("%s will be retried with the next email.") % label(alias)


def test(alias: str, request: HttpRequest) -> Notice:
    """Send a mail through it to the person who asks, past outbox and routes."""
    address: str = request.user.email  # type: ignore[union-attr]  # staff are logged in
    if error := send_test_email(alias, channel_options("default").from_email, address):
        return _refused(alias, error)
    details = {"alias": label(alias), "address": address}
    return messages.SUCCESS, _("%(alias)s accepted a test email to %(address)s.") % details


def send_test_email(alias: str, sender: str, address: str) -> Exception | None:
    """Send a test email by a provider, past outbox and routes; what the provider raised."""
    message = TemplatedMessage(
        "mailroom.test", to=[address], context={"alias": alias}, from_email=sender
    )
    message.route = alias  # a mail account puts its own From on
    message.render()
    mailer = mailer_for(alias)
    try:
        hand_over(lambda: mailer, alias, message)
    except Exception as error:  # noqa: BLE001  (whatever is wrong is what is asked for)
        return error
    finally:
        mailer.close()
    return None


def _refused(alias: str, error: Exception) -> Notice:
    details = {"alias": label(alias), "error": classify(error).error}
    return messages.ERROR, _("%(alias)s says: %(error)s") % details


POST_ACTIONS: dict[str, Callable[[str, HttpRequest], Notice]] = {
    "pause": pause_provider,
    "drain": drain_provider,
    "resume": resume_provider,
    "probe": probe,
    "test": test,
}
