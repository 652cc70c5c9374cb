"""Leaving, choosing and mending, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

ACCESS_TOKEN = """
from newsletters.models import Subscription
from newsletters.subscribers.tokens import access_token
print(access_token(Subscription.objects.confirmed().order_by('-pk').first().email))
"""
TOKEN = """
from newsletters.models import Subscription
from newsletters.subscribers.tokens import member_token
print(member_token(Subscription.objects.confirmed().order_by('pk').first().pk))
"""
BOUNCED = """
from mailroom.models import Suppression
row = Suppression.objects.create(address='admin@example.com', reason='bounced',
                                 evidence='Postmark: 550 5.1.1 no such user')
print(row.pk)
"""


def test_a_reader_leaves_says_why_and_chooses(visit: Visit) -> None:
    token = visit.site.shell(TOKEN).strip()
    visit.go(f"/newsletters/unsubscribe/{token}/").look("unsubscribe")
    visit.press("Unsubscribe").look("unsubscribed")
    visit.page.get_by_label("It comes too often.").check()
    visit.press("Send")
    expect(visit.page.get_by_text("Thank you, that helps us.")).to_be_visible()
    visit.page.get_by_role("link", name="Language and other settings").click()
    visit.look("preferences")
    visit.press("Email me a link")
    expect(visit.page.get_by_text("We have sent a link to")).to_be_visible()


def test_a_reader_deletes_all_data(visit: Visit) -> None:
    token = visit.site.shell(ACCESS_TOKEN).strip()
    visit.go(f"/newsletters/preferences/all/{token}/").look("all-preferences")
    visit.press("Delete my data")  # without the tick the browser itself asks for it
    expect(visit.page.get_by_text("Your newsletters").first).to_be_visible()
    visit.page.get_by_label("Yes, delete all data about this address").check()
    visit.press("Delete my data").look("data-deleted")
    expect(visit.page.get_by_text("All data about your address has been deleted.")).to_be_visible()


def test_somebody_deletes_their_account(visit: Visit) -> None:
    visit.log_in("reader@example.com", PASSWORD)
    visit.go("/accounts/data/").look("your-data")
    visit.page.get_by_role("button", name="Delete my account").click()
    visit.look("delete-account")
    visit.page.get_by_label("Yes, delete my account and all data about me").check()
    visit.press("Delete my account").look("account-deleted")
    expect(visit.page.get_by_text("Your account and your data have been deleted.")).to_be_visible()


def test_somebody_whose_mail_came_back(visit: Visit) -> None:
    pk = visit.site.shell(BOUNCED).strip()
    visit.log_in("admin@example.com", PASSWORD)
    visit.page.get_by_role("link", name="Fix this").click()
    visit.look("mend")
    visit.go("/admin/mailroom/suppression/").look("suppressions")
    visit.go("/admin/mailroom/suppression/import/").look("suppressions-import")
    visit.go(f"/admin/mailroom/suppression/{pk}/lift/").look("suppression-lift")
    visit.fill_in("Lift", note="She wrote from there.")
    visit.look("suppression-lifted")


def test_people_come_by_a_file(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "fair.csv"
    file.write_text("Name;Courriel\nAda;ada@fair.example\nBob;bob@fair.example\n")
    visit.log_in("admin@example.com", PASSWORD)
    visit.go("/admin/newsletters/subscription/")
    visit.page.get_by_role("link", name="Import", exact=True).click()
    visit.page.get_by_label("Newsletter:").select_option(index=1)
    visit.page.get_by_label("Source of consent:").fill("Paper list at the fair")
    visit.page.get_by_label("File:").set_input_files(file)
    visit.look("import")
    visit.press("Save")
    visit.page.get_by_label("Email address:").select_option("Courriel")
    visit.look("import-columns")
    visit.press("Check the file")
    expect(visit.page.get_by_text("This will happen")).to_be_visible()
    visit.look("import-preview")
    visit.page.get_by_role("button", name="Import").click()
    expect(visit.page.get_by_role("heading", name="Imported")).to_be_visible()
    visit.look("import-done")
