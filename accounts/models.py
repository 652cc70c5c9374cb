"""People: an email address is the log-in."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.time_zones import validate_zone, zone_of, zones
from accounts.transactions import hash_of
from mailroom.addresses import AddressField, address_key

# Names go into mail headers: a line break there would begin a header of the author's choice.
no_control_characters = RegexValidator(
    r"^[^\x00-\x1f\x7f\x85\u2028\u2029\ue000\ue001]*$", _("Control characters aren't allowed here.")
)


class UserManager(BaseUserManager["User"]):
    """Makes users from an address and a password."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the key of an address, by which allauth looks it up."""
        return address_key(email or "")

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=username or "")


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody with an account, the language of their mails and the time zone of their days."""

    email = AddressField(_("email address"), max_length=254, unique=True)
    name = models.CharField(
        _("name"), max_length=100, blank=True, validators=[no_control_characters]
    )
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    time_zone = models.CharField(
        _("time zone"), max_length=50, default="UTC", validators=[validate_zone]
    )
    is_staff = models.BooleanField(_("may use the admin"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now)

    objects = UserManager()
    zones = staticmethod(zones)  # for apps that know the user model by its setting only

    EMAIL_FIELD = USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="one_user_an_address",
                violation_error_message=_("A user with this email address already exists."),
            )
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = UserManager.normalize_email(self.email)

    @property
    def zone(self) -> ZoneInfo:
        """Their time zone; UTC where the system no longer knows it."""
        return zone_of(self)

    def set_password(self, raw_password: str | None) -> None:
        """As Django's, by the hash that was made before the transaction, if one was."""
        if raw_password is None:
            super().set_password(None)
            return
        self.password = hash_of(raw_password)
        self._password = raw_password

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return str(self)
