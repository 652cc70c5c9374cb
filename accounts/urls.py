from allauth.account.urls import urlpatterns as allauth_patterns
from django.urls import URLPattern, path

from accounts.views import Mend, Mended, ProfileView, in_one_transaction

# No mail tells of a log-in, and its slow hash should not hold a transaction open.
CHANGES = [one for one in allauth_patterns if one.name not in {"account_login", "account_logout"}]

urlpatterns = [
    path("profile/", ProfileView.as_view(), name="account_profile"),
    path("mend/", Mend.as_view(), name="account_mend"),
    path("mend/<str:token>/", Mended.as_view(), name="account_mended"),
    *(
        URLPattern(one.pattern, in_one_transaction(one.callback), one.default_args, one.name)
        for one in CHANGES
    ),
]
