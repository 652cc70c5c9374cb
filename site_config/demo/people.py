"""Who the demo knows: an administrator, a reader with an account, and subscribers."""

from allauth.account.models import EmailAddress

from accounts.models import User

PASSWORD = "mailroom-demo"  # noqa: S105  (of a demo that refuses to run in production)


def administrator() -> User:
    return _user("admin@example.com", "Ada Admin", is_staff=True, is_superuser=True)


def reader() -> User:
    return _user("reader@example.com", "Robin Reader")


def _user(email: str, name: str, **rights: bool) -> User:
    user, is_new = User.objects.get_or_create(email=email, defaults={"name": name, **rights})
    if is_new:
        user.set_password(PASSWORD)
        user.save()
    EmailAddress.objects.get_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    return user
