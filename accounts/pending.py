"""A sign-up that waits for its confirmation, remembered in the session of the browser.

It is remembered for an address that has an account already, too, with the same content and the same
work: the pages must not tell the two apart.
"""

from dataclasses import asdict, dataclass, replace

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.stagekit import stash_login
from allauth.account.models import EmailAddress, Login
from allauth.account.stages import EmailVerificationStage, LoginStageController
from django.core import signing
from django.db import transaction
from django.http import HttpRequest
from django.utils import translation

from accounts.models import User

KEY = "pending_sign_up"


@dataclass(frozen=True)
class Waiting:
    """What was signed up with; `password` is its hash."""

    email: str
    name: str
    password: str
    time_zone: str

    def remember(self, request: HttpRequest) -> None:
        request.session[KEY] = asdict(self)

    def send(self, request: HttpRequest) -> None:
        """Send the confirmation again; whose address has an account is told about that instead."""
        address = EmailAddress.objects.filter(email=self.email).order_by("verified").first()
        if address and not address.verified:
            address.send_confirmation(request, signup=True)
        elif address or User.objects.filter(email=self.email).exists():
            get_adapter().send_account_already_exists_mail(self.email)

    def corrected(self, request: HttpRequest, email: str) -> "Waiting":
        """Sign up with another address instead; the account of the wrong one is removed."""
        other = replace(self, email=email)
        with transaction.atomic():
            wrong = EmailAddress.objects.filter(email=self.email, verified=False)
            # The hash is salted: only the account that this browser made has it.
            User.objects.filter(
                emailaddress__in=wrong, password=self.password, last_login=None
            ).delete()
            user = other._create()
        other.remember(request)
        if user:  # whose confirmation signs in, as after the first sign-up
            login = Login(user=user, email=email, signup=True)
            LoginStageController(request, login).set_current(EmailVerificationStage.key)
            stash_login(request, login)
        return other

    def _create(self) -> User | None:
        is_taken = EmailAddress.objects.filter(email=self.email).exists()
        if is_taken or User.objects.filter(email=self.email).exists():
            return None
        user = User(email=self.email, name=self.name, password=self.password)
        user.language = translation.get_language() or user.language
        user.time_zone = self.time_zone
        user.save()
        EmailAddress.objects.create(user=user, email=self.email, primary=True, verified=False)
        return user


def of(request: HttpRequest) -> Waiting | None:
    """The sign-up that waits in this browser."""
    stored = None if request.user.is_authenticated else request.session.get(KEY)
    return Waiting(**stored) if stored else None


def is_confirmed(key: str) -> bool:
    """True for the key of a confirmation link that was used."""
    try:
        pk = signing.loads(key, salt=app_settings.SALT)
    except signing.BadSignature:
        return False
    return EmailAddress.objects.filter(pk=pk, verified=True).exists()
