"""From the choices about newsletters to those about notifications, for the same reader."""

from allauth.account.models import EmailAddress
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from newsletters.tokens import member
from notifications.tokens import DIGEST, make


@never_cache
def notifications_of(request: HttpRequest, token: str) -> HttpResponse:
    """By the link of a newsletter's mail: its address proves as much as that of a notification.

    Whose address belongs to no account is sent where anybody is: to log in.
    """
    subscription = member(token)
    address = subscription.email if subscription else ""
    mine = EmailAddress.objects.filter(
        email=address, verified=True, primary=True, user__is_active=True
    )
    owner = mine.values_list("user", flat=True).first() if address else None
    if owner is None:
        response = redirect("notifications:preferences")
    else:
        response = redirect("notifications:preferences_of", make(owner, DIGEST))
    response["Referrer-Policy"] = "no-referrer"
    return response
