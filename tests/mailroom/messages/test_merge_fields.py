"""One render for all where the template allows it, else one for each: the same mails."""

import logging

import pytest
from django.template import engines

from mailroom.message_types import bulk
from mailroom.messages import TemplatedMessage
from mailroom.messages.merge_fields import is_rendered_each, personalised, whole_values
from mailroom.models import Message
from mailroom.outbox import Recipient, add_deliveries, freeze
from tests.mailroom.conftest import deliver

pytestmark = pytest.mark.django_db(transaction=True)

PLAIN = """\
{% block subject %}For {{ name }}{% endblock %}
{% block text_body %}Dear {{ name }}
.
Bye{% endblock %}
{% block html_body %}<p>{{ name }}</p>{% endblock %}
"""
NAMES = ["Ada", "", 'O\'Brien & <i>"Sons"</i>', "Zoë\tÜnal"]


def template(text: str, settings, **others: str) -> None:
    """Make `text` the template of the type tests.personal."""
    found = {"emails/tests/personal.html": text, **others}
    loader = ("django.template.loaders.locmem.Loader", found)
    options = {**settings.TEMPLATES[0]["OPTIONS"], "loaders": [loader]}
    options["builtins"] = ["django.templatetags.i18n"]
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "APP_DIRS": False, "OPTIONS": options}]
    engines.__dict__.pop("templates", None)


@pytest.fixture
def types(carry_by, settings):
    """A bulk type whose personal values are a name, or the whole where that is wanted."""
    settings.MESSAGE_TYPES = {
        "tests.personal": bulk("bulletin", personal=f"{__name__}.personal_values"),
    }
    yield settings
    engines.__dict__.pop("templates", None)


def make(values) -> TemplatedMessage:
    return TemplatedMessage("tests.personal", to=[], context=dict(values), language="en")


def personal_values(delivery):
    values = {"name": delivery.name}
    if is_rendered_each(delivery.message):
        values |= whole_values(make(values))
    return values


def send(server_or_none=None) -> Message:
    samples = [{"name": name} for name in NAMES[:3]]
    message = freeze(personalised(make, ["name"], samples))
    people = [Recipient(f"p{n}@example.com", name) for n, name in enumerate(NAMES)]
    add_deliveries(message, people)
    deliver()
    return message


def what_arrived(server) -> dict[str, tuple[str, str, str]]:
    return {
        one.recipients[0]: (
            str(one.mail["Subject"]),
            one.mail.get_body(("plain",)).get_content().replace("\r\n", "\n").rstrip("\n"),
            one.mail.get_body(("html",)).get_content().replace("\r\n", "\n").rstrip("\n"),
        )
        for one in server.received
    }


def expected(n: int) -> tuple[str, str, str]:
    whole = make({"name": NAMES[n]})
    whole.render()
    return str(whole.subject).strip(), str(whole.body), str(whole.html)


class TestSlots:
    def test_a_template_that_only_puts_names_out_is_rendered_once(self, smtp, types, caplog):
        template(PLAIN, types)

        message = send()

        assert not is_rendered_each(message)
        assert "rendered for each" not in caplog.text
        assert len(what_arrived(smtp)) == 4


MORE = {
    "a test": "{% if name %}Dear {{ name }}{% else %}Dear reader{% endif %}",
    "a filter": "Dear {{ name|upper }}",
    "a loop": "Dear {% for letter in name %}{{ letter }}-{% endfor %}",
    "a comparison": '{% if name == "Ada" %}Hello, countess{% else %}Hello{% endif %}',
    "a comparison with nobody here": '{% if name == "Eve" %}Oh{% else %}Hello{% endif %}',
    "a length": "{% if name|length > 90 %}Too long{% else %}Hello{% endif %}",
    "a with": "{% with who=name|title %}{{ who }}{% endwith %}",
    "a filter in a translation": (
        "{% blocktranslate with who=name|upper %}Dear {{ who }}{% endblocktranslate %}"
    ),
    "an attribute": "Dear {{ name.0 }}",
    "an include": '{% include "part.html" %}',
}


@pytest.mark.parametrize("case", MORE)
class TestMore:
    def text(self, case: str) -> str:
        return PLAIN.replace("Dear {{ name }}", MORE[case]).replace(
            "<p>{{ name }}", f"<p>{MORE[case]}"
        )

    def test_each_is_rendered_as_a_whole_and_that_is_logged(self, case, smtp, types, caplog):
        template(self.text(case), types, **{"part.html": "{{ name|lower }}"})

        with caplog.at_level(logging.WARNING):
            message = send()

        assert is_rendered_each(message)
        assert "tests.personal is rendered for each reader" in caplog.text
        arrived = what_arrived(smtp)
        assert {to: texts[1:] for to, texts in arrived.items()} == {
            f"p{n}@example.com": expected(n)[1:] for n in range(4)
        }
        assert arrived["p2@example.com"][0] == expected(2)[0]


def test_what_is_done_before_the_template_is_found_by_comparison(smtp, types):
    template(PLAIN, types)

    def shouting(values):
        return make({"name": values["name"].upper()})  # done before the template

    message = personalised(shouting, ["name"], [{"name": "Ada"}])

    assert message.subject == "\ue000whole_subject\ue001"


def test_a_plain_translation_is_no_misuse(types):
    text = "{% blocktranslate %}Dear {{ name }}{% endblocktranslate %}"
    template(PLAIN.replace("Dear {{ name }}", text), types)

    assert not is_rendered_each(personalised(make, ["name"], []))
