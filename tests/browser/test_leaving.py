"""Leaving, choosing and mending, in a real browser."""

import pytest
from playwright.sync_api import expect

from site_config.demo.people import PASSWORD
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

TOKEN = """
from newsletters.models import Subscription
from newsletters.tokens import member_token
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
    visit.page.get_by_role("link", name="All newsletters of this address").click()
    visit.look("preferences")
    visit.press("Delete me")  # without the tick the browser itself asks for it
    expect(visit.page.get_by_text("Your newsletters").first).to_be_visible()


def test_somebody_whose_mail_came_back(visit: Visit) -> None:
    pk = visit.site.shell(BOUNCED).strip()
    visit.log_in("admin@example.com", PASSWORD)
    visit.page.get_by_role("link", name="Mend this").click()
    visit.look("mend")
    visit.go("/admin/mailroom/suppression/").look("suppressions")
    visit.go("/admin/mailroom/suppression/import/").look("suppressions-import")
    visit.go(f"/admin/mailroom/suppression/{pk}/lift/").look("suppression-lift")
    visit.fill_in("Lift", note="She wrote from there.")
    visit.look("suppression-lifted")
