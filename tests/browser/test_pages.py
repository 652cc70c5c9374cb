"""Pages that no journey comes by: each is looked at all the same."""

import pytest

from home.demo.environment import PASSWORD
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/",
        "/accounts/login/code/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/2fa/totp/activate/",
        "/accounts/sessions/",
        "/accounts/logout/",
        "/notifications/preferences/",
        "/admin/",
        "/admin/newsletters/subscription/",
        "/admin/mailroom/delivery/",
        "/admin/mailroom/message/",
        "/admin/mailroom/suppression/add/",
    ],
)
def test_every_other_page_is_clean(visit: Visit, path: str) -> None:
    if not path.startswith("/accounts/login"):
        visit.log_in("admin@example.com", PASSWORD)

    visit.go(path).look(path.strip("/").replace("/", "-"))


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/", "/newsletters/"])
def test_a_page_that_runs_from_the_right_fits_a_phone(visit: Visit, path: str) -> None:
    visit.page.set_viewport_size({"width": 375, "height": 900})
    visit.go(path)

    visit.page.evaluate("document.documentElement.dir = 'rtl'")

    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 375
    assert visit.page.evaluate("document.body.getBoundingClientRect().left") >= 0
