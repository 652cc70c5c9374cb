"""Addresses that must not get mail, checked when sending, not when queueing."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from mailroom.addresses import address_key, in_unicode
from mailroom.signing import keyed_digest

TRY_AGAIN_AFTER = timedelta(days=1)


def hashed(address: str, key: str | None = None) -> str:
    """An address that only somebody who knows it, and the site's key, can recognise."""
    return _hash(address_key(address), key)


def _hash(text: str, key: str | None) -> str:
    return f"hmac:{keyed_digest('mailroom.suppression', text, key).hex()}"


def forms_of(address: str) -> list[str]:
    """How an address may stand in the table: as it is, or hashed with a key of now or before."""
    return _forms(address_key(address))


def _forms(own: str) -> list[str]:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    # Hashes made before keys had A-labels are of the domain's own letters.
    spellings = {own, in_unicode(own)}
    return [own, *(_hash(text, key) for text in spellings for key in keys)]


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    """Named questions about suppressions."""

    def active(self) -> "SuppressionQuerySet":
        return self.filter(Q(until=None) | Q(until__gt=timezone.now()))

    def stopping(self, addresses: Iterable[str], *, channel: str, is_bulk: bool) -> set[str]:
        """Which of the addresses must not get mail on the channel, by their keys.

        A hard bounce stops everything; any other reason stops bulk types only.
        """
        scope = Q(channel="") | Q(channel=channel)
        known_as = {form: key for key in map(address_key, addresses) for form in _forms(key)}
        found = self.active().filter(scope, address__any_of=known_as)
        if not is_bulk:
            found = found.filter(reason=Suppression.Reason.BOUNCED)
        return {known_as[form] for form in found.values_list("address", flat=True)}

    def of(self, address: str) -> "SuppressionQuerySet":
        return self.filter(address__in=forms_of(address))

    def anonymise(self, address: str) -> int:
        """Keep that an address gets no email, and forget which one it is; the number of rows.

        What was lifted goes whole. Where an earlier erasure left a row, the one that stops more
        stays.
        """
        rows = list(self.of(address).select_for_update())
        staying = {}
        for row in sorted(rows, key=lambda row: row.reason == Suppression.Reason.BOUNCED):
            if row.is_active:
                staying[row.channel] = row
        self.filter(pk__in={row.pk for row in rows} - {row.pk for row in staying.values()}).delete()
        return self.filter(pk__in=[row.pk for row in staying.values()]).update(
            address=hashed(address), note="", evidence=""
        )

    def try_once_a_day(self, address: str) -> bool:
        """True for one caller a day: the address bounced, and its owner asks for a mail now."""
        now = timezone.now()
        rested = Q(tried_at=None) | Q(tried_at__lte=now - TRY_AGAIN_AFTER)
        bounced = self.active().of(address).filter(reason=Suppression.Reason.BOUNCED)
        return bool(bounced.filter(rested).update(tried_at=now))

    def confirmed(self, address: str, *, wants: str = "", arrives: bool = True) -> int:
        """The owner of an address has spoken: lift what is thereby disproved; the number of rows.

        wants: the channel whose mail they asked for, which outweighs an earlier complaint about it.
        arrives: they answered to a mail, so the address is well.
        """
        disproved = Q(pk=None)
        if arrives:
            disproved |= Q(reason__in=[Suppression.Reason.BOUNCED, Suppression.Reason.SOFT])
        if wants:
            disproved |= Q(reason=Suppression.Reason.COMPLAINED, channel__in=["", wants])
        return self.of(address).filter(disproved).lift("Confirmed by the owner of the address.")

    def lift(self, note: str) -> int:
        """End these now, and keep on record why; the number of rows."""
        rows = list(self.active())
        for row in rows:
            row.lift(note)
        return len(rows)


class Suppression(models.Model):
    """One address (its key), the scope (every channel or one), the reason, until when."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced", _("does not exist (hard bounce)")
        SOFT = "soft", _("bounced too often (soft bounces)")
        COMPLAINED = "complained", _("complained")
        MANUAL = "manual", _("by hand")

    address = models.CharField(_("address"), max_length=320)
    channel = models.CharField(_("channel"), max_length=50, blank=True)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    note = models.TextField(_("note"), blank=True)
    evidence = models.TextField(_("in the provider’s words"), blank=True, editable=False)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    tried_at = models.DateTimeField(_("last tried"), null=True, editable=False)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                fields=["address", "channel"], name="one_suppression_an_address_and_scope"
            )
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def is_active(self) -> bool:
        return self.until is None or self.until > timezone.now()

    def lift(self, note: str) -> None:
        """Mail may go there again. The row stays, with the reason why."""
        now = timezone.now()
        line = f"{date_format(timezone.localtime(now), 'DATETIME_FORMAT')} {note}"
        self.until, self.tried_at = now, None
        self.note = f"{self.note}\n{line}".strip()
        self.save(update_fields=["until", "tried_at", "note"])

    def save(self, *args: object, **kwargs: object) -> None:
        self.address = address_key(self.address)
        super().save(*args, **kwargs)  # type: ignore[arg-type]
