from allauth.account.decorators import reauthentication_required
from allauth.account.urls import urlpatterns as allauth_patterns
from django.urls import URLPattern, path, re_path

from accounts.transactions import View, in_one_transaction
from accounts.views import (
    BouncedAddress,
    BouncedAddressWorks,
    ConfirmEmail,
    DeleteAccount,
    ProfileView,
    Sessions,
    SignInAgain,
    VerificationSent,
    YourData,
)

# No email reports a sign-in, and its slow hash should not hold a transaction open.
OWN_VIEWS = {"account_email_verification_sent", "account_confirm_email"}
CHANGES = [
    one
    for one in allauth_patterns
    if one.name not in {"account_login", "account_logout", *OWN_VIEWS}
]


def _protected(pattern: URLPattern) -> View:
    """allauth lets a session without a password choose one; whoever does signs in again first."""
    view: View = pattern.callback
    if pattern.name == "account_set_password":
        view = reauthentication_required(app="allauth.account")(view)
    return in_one_transaction(view)


_delete_account = in_one_transaction(
    reauthentication_required(app="allauth.account")(DeleteAccount.as_view())
)

urlpatterns = [
    path("profile/", ProfileView.as_view(), name="account_profile"),
    path(
        "confirm-email/",
        in_one_transaction(VerificationSent.as_view()),
        name="account_email_verification_sent",
    ),
    re_path(
        r"^confirm-email/(?P<key>[-:\w]+)/$",
        in_one_transaction(ConfirmEmail.as_view()),
        name="account_confirm_email",
    ),
    path("sessions/", Sessions.as_view(), name="usersessions_list"),
    path("data/", YourData.as_view(), name="account_data"),
    path("delete/", _delete_account, name="account_delete"),
    path("sign-in-again/", SignInAgain.as_view(), name="account_sign_in_again"),
    path("mend/", BouncedAddress.as_view(), name="account_mend"),
    path("mend/<str:token>/", BouncedAddressWorks.as_view(), name="account_mended"),
    *(URLPattern(one.pattern, _protected(one), one.default_args, one.name) for one in CHANGES),
]
