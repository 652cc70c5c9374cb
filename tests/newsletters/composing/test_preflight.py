"""What blocks an issue, what only asks, and who is in its audience."""

from datetime import UTC, date, datetime

import pytest
from django.core.exceptions import ValidationError

from mailroom.models import MailerHealth
from newsletters.composing import preflight
from newsletters.models import Issue, Picture
from newsletters.sending.publish import publish

OWN = "http://mailroom.test"


def written(draft, body: str, **changes) -> Issue:
    for name, value in {"body": body, **changes}.items():
        setattr(draft, name, value)
    return draft


class TestVisibleTags:
    def test_pasted_html_is_a_warning_with_its_lines(self, draft):
        told = preflight.about_the_text(written(draft, "{name}\n\n<p>one\n<b>two</b></p>"))
        assert any(one.startswith("Line 3, 4: readers would see the HTML") for one in told)
        assert preflight.errors(draft) == []


class TestErrors:
    def test_a_good_one_has_none(self, draft):
        assert preflight.errors(draft) == []

    @pytest.mark.parametrize(
        "path",
        [
            "/nowhere/at/all/",
            "/newsletters/gone/",
            "/newsletters/weekly/gone/",
            "/static/none.png",
            f"/newsletters/pictures/{'0' * 64}.png",
            "/newsletters/weekly/second/",
        ],
    )
    def test_a_link_to_nothing_on_this_site(self, draft, path):
        (told,) = preflight.errors(written(draft, f"fine\n\n[x]({OWN}{path}) {{name}}"))
        assert told == f"Line 3: {OWN}{path} does not exist on this site."

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "/newsletters/",
            "/newsletters/weekly/",
            "/static/logo.svg",
            "/?a=b#c",
            "/newsletters/weekly/first/",
        ],
    )
    def test_a_link_to_something(self, draft, path):
        assert preflight.errors(written(draft, f"[x]({OWN}{path})")) == []

    def test_what_no_field_allows(self, draft):
        told = " ".join(preflight.errors(written(draft, "[x](/about) {nane}", subject="")))
        assert "/about is not an absolute link" in told
        assert "no placeholder {nane}" in told
        assert "This field cannot be blank" in told

    def test_no_way_out(self, draft, settings, tmp_path):
        template = tmp_path / "emails/newsletters/issue.html"
        template.parent.mkdir(parents=True)
        template.write_text(
            '{% extends "emails/base.html" %}{% block text_body %}{{ text }}{% endblock %}'
            "{% block html_body %}{{ html }}{% endblock %}"
        )
        engine = settings.TEMPLATES[0]
        settings.TEMPLATES = [{**engine, "DIRS": [tmp_path, *engine["DIRS"]]}]
        told = preflight.errors(draft)
        assert told == [
            "The email has no unsubscribe link.",
            "The plain-text version has no unsubscribe link.",
        ]

    def test_they_stop_the_publishing(self, draft):
        Issue.objects.filter(pk=draft.pk).update(body=f"[x]({OWN}/nowhere/at/all/)")
        with pytest.raises(ValidationError, match="does not exist"):
            publish(draft)
        draft.refresh_from_db()
        assert draft.is_draft

    def test_the_page_offers_no_button_then(self, desk, draft):
        Issue.objects.filter(pk=draft.pk).update(body=f"[x]({OWN}/nowhere/at/all/)")
        page = desk.get(f"/admin/newsletters/issue/{draft.pk}/publish/").text
        assert "does not exist on this site" in page
        assert 'value="Publish now"' not in page


class TestWarnings:
    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("[x](http://localhost/a)", "Line 1: http://localhost/a can’t be reached"),
            ("[x](https://10.0.0.7/a)", "can’t be reached from elsewhere"),
            ("[x](https://wiki.internal/a)", "can’t be reached from elsewhere"),
            ("a\n\n[](https://a.example/)", "Line 3: the link to https://a.example/ has no text"),
            (f"[x]({OWN}/admin/)", "is for staff only"),
            ("![x](http://a.example/b.png)", "which is not https"),
            ("a\n![](https://a.example/b.png)", "Line 2: an image has no alt text"),
        ],
    )
    def test_links_and_pictures(self, draft, body, told):
        (warning,) = preflight.about_the_text(written(draft, body))
        assert told in warning

    def test_heavy_pictures(self, draft):
        sizes = [preflight.HEAVY + 1, preflight.ALL_HEAVY]
        made = [
            Picture.objects.create(digest=str(n), type="image/png", width=1, height=1, size=size)
            for n, size in enumerate(sizes)
        ]
        body = "\n\n".join(f"![x]({picture.url})" for picture in made)
        first, second, together = preflight.about_the_text(written(draft, body))
        assert "Line 1: the image has 500 kB" in first
        assert "Line 3: the image has 2048 kB" in second
        assert "together" in together

    @pytest.mark.parametrize("subject", ["BUY IT NOW", "Buy it now!!"])
    def test_a_shouting_subject(self, draft, subject):
        (warning,) = preflight.about_the_text(written(draft, "Hi", subject=subject))
        assert "which looks like spam" in warning

    @pytest.mark.usefixtures("outbox_mailers")
    def test_a_mailer_that_rests(self, draft):
        MailerHealth.objects.create(alias="memory", mode=MailerHealth.Mode.PAUSED)
        assert "The provider is down" in " ".join(preflight.warnings(draft, 1))

    def test_the_page_asks_for_a_tick(self, desk, draft):
        page = desk.get(f"/admin/newsletters/issue/{draft.pk}/publish/").text
        assert "No test has been sent." in page
        assert '<input type="checkbox" name="seen" required>' in page


class TestAudience:
    @pytest.fixture
    def people(self, subscribed):
        for name, language, joined in (
            ("ann", "en", datetime(2026, 1, 31, 23, 59, tzinfo=UTC)),
            ("bob", "fr", datetime(2026, 2, 1, 0, 0, tzinfo=UTC)),
            ("cy", "fr", datetime(2026, 3, 1, 0, 0, tzinfo=UTC)),
        ):
            subscribed(f"{name}@a.example", language=language, confirmed_at=joined)

    @pytest.mark.parametrize(
        ("segment", "who"),
        [
            ({}, "ann bob cy"),
            ({"for_language": "fr"}, "bob cy"),
            ({"joined_before": date(2026, 2, 1)}, "ann"),
            ({"joined_from": date(2026, 2, 1)}, "bob cy"),
            ({"joined_from": date(2026, 2, 1), "joined_before": date(2026, 3, 1)}, "bob"),
            ({"for_language": "fr", "joined_from": date(2026, 3, 1)}, "cy"),
        ],
    )
    @pytest.mark.usefixtures("people", "outbox_mailers")
    def test_only_they_get_it(self, draft, segment, who, drain):
        from mailroom.models import Delivery

        Issue.objects.filter(pk=draft.pk).update(**segment)
        publish(draft)
        drain()
        got = Delivery.objects.order_by("address").values_list("address", flat=True)
        assert [address.partition("@")[0] for address in got] == who.split()
