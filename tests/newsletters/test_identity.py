"""A newsletter's own sender, look, footer, web titles and addresses."""

import io

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from mailroom.messages.preview import html_of
from mailroom.models import MailAccount
from newsletters.composing import preflight
from newsletters.composing.preview import preview
from newsletters.sending.publish import publish
from sandbox.accounts import Account as SandboxAccount
from sandbox.apis import APIServer


def sample(draft):
    return preview(draft, "Ada Lovelace", "ada@example.com")


def publish_on_the_web(draft):
    draft.published_at = timezone.now()
    draft.save()


def test_an_issue_has_the_newsletters_sender_look_and_footer(draft):
    news = draft.newsletter
    news.sender_name, news.sender_address = 'The "Letter", Cork', "letter@example.com"
    news.reply_to, news.colour = "answers@example.com", "#ffd500"
    news.footer, news.postal_address = "Tom & Ann\nwrite it.", "1 Harbour Road\nCork"
    news.full_clean()
    draft.body += '\n[Read more](https://example.com/ "button")\n'
    mail = sample(draft)
    sent = mail.message()
    assert sent["From"].addresses[0].display_name == 'The "Letter", Cork'
    assert sent["From"].addresses[0].addr_spec == "letter@example.com"
    assert sent["Reply-To"] == "answers@example.com"
    html = html_of(mail)
    assert "Tom &amp; Ann<br>write it." in html
    assert "1 Harbour Road<br>Cork" in html
    assert "background-color: #ffd500" in html
    assert "color: #000000" in html
    dark = html.split("@media (prefers-color-scheme: dark)")[-1]
    assert "background-color: #ffd500 !important" in dark
    assert "Tom & Ann\nwrite it.\n1 Harbour Road\nCork" in mail.body


def test_the_editor_sees_that_sender_before_publishing(desk, draft):
    draft.newsletter.sender_name = "The Letter"
    draft.newsletter.save()
    page = desk.get(reverse("admin:newsletters_issue_publish", args=[draft.pk])).text
    assert "From: &quot;The Letter&quot; &lt;" in page


def test_an_own_sender_is_enough_to_send(draft, settings):
    settings.DEFAULT_FROM_EMAIL = "nobody"
    assert "There is no sender address" in " ".join(preflight.errors(draft))
    draft.newsletter.sender_address = "letter@example.com"
    assert preflight.errors(draft) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sender_name", "Letter\r\nBcc: victim@example.com"),
        ("sender_name", "Letter\u2028Bcc: victim@example.com"),
        ("sender_address", "letter@example.com\nBcc: victim@example.com"),
        ("sender_address", "letter@example.com, victim@example.com"),
        ("reply_to", "a@[127.0.0.1]"),
        ("colour", "red;background:url(https://evil.example/)"),
        ("colour", "#1f3a6e\n"),
        ("colour", "#12345"),
        ("privacy_url", "javascript:alert(1)"),
        ("privacy_url", "ftp://example.com/"),
        ("footer", "Null\0"),
    ],
)
def test_what_could_break_an_email_or_page_is_refused(weekly, field, value):
    setattr(weekly, field, value)
    with pytest.raises(ValidationError) as refused:
        weekly.full_clean()
    assert field in refused.value.error_dict


def test_a_missing_postal_address_is_a_warning_with_the_reason(draft):
    draft.newsletter.postal_address = " "
    warnings = preflight.about_the_text(draft)
    assert any("postal address" in one and "CAN-SPAM" in one for one in warnings)
    assert preflight.of_the_text(draft) == []
    draft.newsletter.postal_address = "1 Harbour Road"
    assert preflight.about_the_text(draft) == []


def fields(newsletter, **changed):
    names = (
        "name", "slug", "description", "language", "sender_name", "sender_address", "reply_to",
        "colour", "footer", "postal_address", "privacy_url",
    )  # fmt: skip
    return {name: getattr(newsletter, name) for name in names} | changed


def change_url(newsletter):
    return reverse("admin:newsletters_newsletter_change", args=[newsletter.pk])


def test_changing_the_sender_address_needs_a_permission_of_its_own(
    client, weekly, django_user_model
):
    writer = django_user_model.objects.create_user("writer@example.com", is_staff=True)
    writer.user_permissions.add(Permission.objects.get(codename="change_newsletter"))
    client.force_login(writer)
    wanted = fields(weekly, sender_address="ceo@example.com", reply_to="me@example.com")
    client.post(change_url(weekly), wanted | {"sender_name": "Weekly"})
    weekly.refresh_from_db()
    assert (weekly.sender_name, weekly.sender_address, weekly.reply_to) == ("Weekly", "", "")

    writer.user_permissions.add(Permission.objects.get(codename="change_sender"))
    client.post(change_url(weekly), wanted)
    weekly.refresh_from_db()
    assert weekly.sender_address == "ceo@example.com"


def test_a_logo_is_stored_here_and_shown_in_the_email(desk, draft):
    out = io.BytesIO()
    Image.new("RGB", (90, 30), "teal").save(out, "PNG")
    logo = SimpleUploadedFile("logo.png", out.getvalue(), "image/png")
    page = change_url(draft.newsletter)
    answer = desk.post(page, fields(draft.newsletter, logo_file=logo))
    assert answer.status_code == 302
    draft.newsletter.refresh_from_db()
    html = html_of(sample(draft))
    assert f'src="{draft.newsletter.logo.url}"' in html
    assert 'alt="Mailroom weekly"' in html

    broken = SimpleUploadedFile("logo.png", b"<svg onload=alert(1)>", "image/png")
    refused = desk.post(page, fields(draft.newsletter, logo_file=broken))
    assert "This is not a picture" in refused.content.decode()


def test_the_archive_has_its_own_title_and_says_where_it_lives(client, draft):
    draft.subject, draft.web_title = "{name}, your week", "The week & more"
    draft.preheader = "For {name}"
    publish_on_the_web(draft)
    draft.newsletter.privacy_url = "https://example.com/privacy"
    draft.newsletter.save()
    page = client.get(draft.get_absolute_url()).content.decode()
    url = f"{draft.get_absolute_url()}"
    assert "<h1>The week &amp; more</h1>" in page
    assert 'property="og:title" content="The week &amp; more"' in page
    assert f'{url}">' in page.split('rel="canonical" href="')[1][:120]
    assert 'content="For reader"' in page
    form = client.get(draft.newsletter.get_absolute_url()).content.decode()
    assert 'href="https://example.com/privacy"' in form
    assert sample(draft).subject == "Ada Lovelace, your week"


def test_earlier_addresses_redirect(client, draft):
    publish_on_the_web(draft)
    draft.slug = "renamed"
    draft.save()
    news = draft.newsletter
    news.slug = "letter"
    news.save()
    news.slug = "the-letter"
    news.save()
    for old in ("weekly", "letter"):
        for rest in ("", "feed/", "first/", "renamed/"):
            answer = client.get(f"/newsletters/{old}/{rest}?page=1")
            new = rest.replace("first", "renamed")
            assert answer.status_code == 301, (old, rest)
            assert answer["Location"] == f"/newsletters/the-letter/{new}?page=1"
    assert client.post("/newsletters/weekly/", {"email": "a@example.com"}).status_code == 308
    assert client.get("/newsletters/the-letter/first/")["Location"].endswith("/renamed/")
    assert client.get("/newsletters/weekly/never/").status_code == 404
    assert client.get("/newsletters/never/first/").status_code == 404


def test_a_new_newsletter_may_take_an_old_slug(client, weekly, monthly):
    weekly.slug = "letter"
    weekly.save()
    monthly.slug = "weekly"
    monthly.save()
    assert client.get("/newsletters/weekly/").status_code == 200


def test_issues_are_found_though_another_newsletter_took_the_slug(client, draft, monthly):
    publish_on_the_web(draft)
    draft.newsletter.slug = "letter"
    draft.newsletter.save()
    monthly.slug = "weekly"
    monthly.save()
    assert client.get("/newsletters/weekly/first/")["Location"] == "/newsletters/letter/first/"
    assert client.get("/newsletters/weekly/second/").status_code == 404


def test_a_slug_that_comes_back_leads_nowhere_else(client, draft):
    publish_on_the_web(draft)
    for slug in ("letter", "weekly"):
        draft.newsletter.slug = slug
        draft.newsletter.save()
    assert client.get("/newsletters/weekly/").status_code == 200
    assert client.get("/newsletters/letter/first/")["Location"] == "/newsletters/weekly/first/"
    odd = client.get("/newsletters/letter/?next=//evil.example&x=%0d%0aSet-Cookie:a")
    assert odd["Location"] == "/newsletters/weekly/?next=//evil.example&x=%0d%0aSet-Cookie:a"


def test_a_draft_that_was_never_on_the_web_leaves_no_redirect(client, draft):
    draft.slug = "other"
    draft.save()
    assert client.get("/newsletters/weekly/first/").status_code == 404


class TestItsMailAccount:
    @pytest.fixture
    def account(self, settings, draft):
        settings.MAIL_ACCOUNT_KEYS = [Fernet.generate_key().decode()]
        account = MailAccount(name="Own", kind="postmark", from_email="Cork <news@cork.example>")
        account.set_secrets(server_token="token-of-cork")
        account.save()
        draft.newsletter.account = account
        draft.newsletter.save()
        return account

    def test_sends_the_issues_from_its_address(
        self, settings, account, draft, outbox_mailers, drain
    ):
        draft.newsletter.subscriptions.create(
            email="ann@example.com", state="confirmed", confirmed_at=timezone.now()
        )
        with APIServer([SandboxAccount("own", "postmark", 0, "token-of-cork")]) as api:
            settings.MAIL_ACCOUNT_API_URLS = {"postmark": api.url}
            publish(draft)
            drain()

        assert [(call.json["From"], call.json["To"]) for call in api.calls] == [
            ("Cork <news@cork.example>", "ann@example.com")
        ]
        assert mail.outbox == []

    def test_goes_with_the_newsletters_name_and_an_address_of_the_accounts_domain(
        self, account, draft
    ):
        draft.newsletter.sender_name = "The Cork Letter"
        assert sample(draft).from_email == '"The Cork Letter" <news@cork.example>'
        draft.newsletter.sender_address = "letter@cork.example"
        assert sample(draft).from_email == '"The Cork Letter" <letter@cork.example>'
        draft.newsletter.sender_address = "letter@other.example"
        assert sample(draft).from_email == "Cork <news@cork.example>"

    def test_is_named_before_publishing(self, account, desk, draft):
        page = desk.get(reverse("admin:newsletters_issue_publish", args=[draft.pk])).text

        assert "through the mail account <em>Own</em>" in page
        assert "From: Cork &lt;news@cork.example&gt;" in page

    def test_that_is_for_other_email_by_now_blocks_publishing(self, account, draft):
        account.channels = ["default"]
        account.save()
        draft.refresh_from_db()

        assert "This mail account is not for newsletters." in preflight.errors(draft)

    def test_may_not_be_one_for_other_email(self, account, draft):
        account.channels = ["notifications"]
        with pytest.raises(ValidationError, match="not for newsletters"):
            draft.newsletter.full_clean()

    def test_that_is_deactivated_is_named_among_the_warnings(self, account, draft):
        account.active = False
        account.save()

        assert "The provider is down" in " ".join(preflight.warnings(draft, 1))
