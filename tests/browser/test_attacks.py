"""A hundred attacks in every field, looked at in a real browser: nothing of them runs."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

DATA = Path(__file__).parent.parent / "data" / "xss.txt"
ATTACKS = f"""
from pathlib import Path
from django.utils import timezone
from newsletters import feeds
from newsletters.models import Issue, Newsletter, Subscription
attacks = Path({str(DATA)!r}).read_text("utf-8").splitlines()
body = "\\n\\n".join(sorted(attacks, key=lambda one: one.startswith(("```", "~~~"))))
now = timezone.now()
letter = Newsletter.objects.create(name=attacks[0], slug="attacked", description=attacks[7])
Issue.objects.bulk_create(
    Issue(newsletter=letter, subject=attack, slug=f"a{{n}}", preheader=attack, body=attack,
          state="sent", published_at=now, queued_at=now)
    for n, attack in enumerate(attacks)
)
Issue.objects.create(
    newsletter=letter, subject=attacks[7], slug="all", body=body, state="sent",
    published_at=now, queued_at=now,
)
Subscription.objects.bulk_create(
    Subscription(newsletter=letter, email=f"x{{n}}@example.com", name=attack[:100],
                 state="confirmed", confirmed_at=now)
    for n, attack in enumerate(attacks)
)
draft = Issue.objects.create(newsletter=letter, subject=attacks[7], slug="draft", body=body)
print(draft.pk)
"""


class Alarm:
    """Rings when anything runs, or when the policy had to stop something."""

    def __init__(self, page: Page) -> None:
        self.rung: list[str] = []
        page.on("dialog", self._dialog)
        page.on("console", self._console)

    def _dialog(self, dialog) -> None:
        self.rung.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message) -> None:
        if "Content Security Policy" in message.text or "Blocked script" in message.text:
            self.rung.append(message.text)


def test_nothing_of_it_runs_and_nothing_has_to_be_stopped(visit: Visit) -> None:
    draft = visit.site.shell(ATTACKS).split()[-1]
    alarm = Alarm(visit.page)
    visit.log_in("admin@example.com", PASSWORD)
    admin = "/admin/newsletters"
    pages = ["/newsletters/", "/newsletters/attacked/", "/newsletters/attacked/all/"]
    pages += ["/newsletters/attacked/feed/", f"{admin}/issue/?all=", f"{admin}/subscription/?all="]
    for name in ("preview", "preview/?look=text", "preview/?look=headers", "frame", "publish"):
        pages.append(f"{admin}/issue/{draft}/{name}".rstrip("/") + ("" if "?" in name else "/"))
    for page in pages:
        visit.go(page).page.wait_for_load_state("load")
        assert alarm.rung == [], page

    visit.go(f"{admin}/issue/{draft}/frame/?reader=x18@example.com")
    visit.go(f"{admin}/issue/{draft}/change/")
    for look in ("Text", "Headers", "Mobile", "Desktop"):
        with visit.page.expect_response("**/draft/frame/"):
            visit.page.get_by_label(look, exact=True).check()
    visit.page.wait_for_timeout(300)
    assert alarm.rung == []


def test_the_alarm_works(page: Page) -> None:
    alarm = Alarm(page)
    with page.expect_event("dialog"):
        page.set_content("<img src=x: onerror='alert(1)'>")
    assert alarm.rung == ["a dialog: 1"]
