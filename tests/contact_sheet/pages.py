"""What is looked at. A test holds this list against the site's own addresses and message types."""

from dataclasses import dataclass

VISITOR, MEMBER, STAFF = "visitor", "member", "staff"


@dataclass(frozen=True)
class Shot:
    """One page to look at.

    view: the name of an address without arguments, or a key of what `samples.py` prepares.
    who: visitor, member or staff.
    """

    group: str
    view: str
    who: str = VISITOR

    @property
    def name(self) -> str:
        return self.view.replace(":", "-").replace("_", "-")


def _group(group: str, who: str, views: str) -> list[Shot]:
    return [Shot(group, view, who) for view in views.split()]


SHOTS = [
    *_group("home", VISITOR, "home"),
    Shot("home", "home-signed-in", MEMBER),
    *_group(
        "entrance",
        VISITOR,
        "account_signup account_login account_request_login_code account_reset_password "
        "account_reset_password_done account_reset_password_from_key_done account_inactive "
        "account_email_verification_sent",
    ),
    *_group(
        "account",
        MEMBER,
        "account_profile account_email account_change_password account_reauthenticate "
        "account_data account_delete account_sign_in_again newsletters:my_preferences "
        "account_logout usersessions_list mfa_index mfa_reauthenticate mfa_deactivate_totp "
        "mfa_view_recovery_codes mfa_generate_recovery_codes mfa_list_webauthn mfa_add_webauthn",
    ),
    Shot("account", "mfa_activate_totp", STAFF),
    Shot("account", "account_mend", STAFF),
    *_group("newsletters", VISITOR, "newsletters:list landing issue unsubscribe preferences"),
    *_group("notifications", MEMBER, "notifications:list notifications:preferences"),
    Shot("notifications", "notifications-empty", "newcomer"),
    *_group("staff", STAFF, "mail_status admin:index"),
    *_group(
        "staff",
        STAFF,
        "issue-draft issue-preview issue-publish issue-sent delivery announcement",
    ),
    *_group(
        "admin",
        STAFF,
        "admin:password_change "
        "admin:auth_group_changelist admin:auth_group_add "
        "admin:accounts_user_changelist admin:accounts_user_add "
        "admin:mfa_authenticator_changelist admin:usersessions_usersession_changelist "
        "admin:newsletters_issue_changelist admin:newsletters_issue_add "
        "admin:newsletters_newsletter_changelist admin:newsletters_newsletter_add "
        "admin:newsletters_subscription_changelist admin:newsletters_subscription_add "
        "admin:newsletters_picture_changelist "
        "admin:newsletters_subscriberimport_changelist admin:newsletters_subscriberimport_add "
        "admin:notifications_announcement_changelist admin:notifications_announcement_add "
        "admin:notifications_notification_changelist "
        "admin:mailroom_delivery_changelist admin:mailroom_message_changelist "
        "admin:mailroom_event_changelist "
        "admin:mailroom_suppression_changelist admin:mailroom_suppression_add "
        "admin:mailroom_suppression_import "
        "admin:mailroom_mailaccount_changelist admin:mailroom_mailaccount_add "
        "admin:account_emailaddress_changelist "
        "admin:django_ox_oxtask_changelist admin:django_ox_oxtask_overview "
        "admin:django_ox_oxschedule_changelist admin:django_ox_oxschedule_add",
    ),
    Shot("admin", "admin:login"),
    *_group("inbox", STAFF, "sandbox:inbox sandbox:previews sandbox:providers"),
    *_group("errors", VISITOR, "400 403 403_csrf 404 429 500"),
]

# Addresses without arguments at which there is nothing of its own to see, and why.
NOTHING_TO_SEE = {
    "account_confirm_login_code": "in the middle of a log-in; tests/browser comes by",
    "account_set_password": "leads elsewhere for who has a password",
    "mfa_authenticate": "in the middle of a log-in; tests/browser comes by",
    "mfa_reauthenticate_webauthn": "needs a passkey at hand",
    "mfa_login_webauthn": "JSON for the browser",
    "mfa_download_recovery_codes": "a download",
    "notifications:badge": "a part of every page",
    "metrics": "numbers for Prometheus",
    "notifications:read_all": "takes a POST",
    "notifications:export": "a download",
    "mail_status_act": "takes a POST",
    "admin:newsletters_subscription_export": "a download",
    "admin:mailroom_suppression_export": "a download",
    "samples": "takes a POST",
    "samples_stop": "takes a POST",
    "set_language": "takes a POST",
    "admin:logout": "takes a POST",
    "admin:newsletters_issue_draft_frame": "a frame in the page of an issue",
    "admin:newsletters_issue_draft_checks": "a part of the page of an issue",
    "admin:newsletters_issue_draft_picture": "a part of the page of an issue",
    "admin:newsletters_issue_draft_save": "takes a POST",
    "admin:newsletters_issue_draft_session": "answers the editor's script",
    "admin:password_change_done": "comes after a change",
    "admin:autocomplete": "JSON for a field",
    "admin:jsi18n": "a script",
    "sandbox:mode": "takes a POST",
    # Nobody adds such a row by hand: the admin answers 403.
    "admin:account_emailaddress_add": "not allowed",
    "admin:mfa_authenticator_add": "not allowed",
    "admin:usersessions_usersession_add": "not allowed",
    "admin:notifications_notification_add": "not allowed",
    "admin:newsletters_picture_add": "not allowed",
    "admin:mailroom_delivery_add": "not allowed",
    "admin:mailroom_message_add": "not allowed",
    "admin:mailroom_event_add": "not allowed",
    "admin:django_ox_oxtask_add": "not allowed",
}
