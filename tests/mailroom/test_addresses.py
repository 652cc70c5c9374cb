"""Which addresses can be sent to, and the one key they are compared by."""

import pytest
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage

from mailroom.addresses import address_key, clean_address, for_wire, in_unicode, is_address
from mailroom.backends.smtp import EmailBackend
from mailroom.messages.serializers import build
from mailroom.outbox import Recipient, add_deliveries, freeze, put
from tests.mailroom.conftest import deliver

KELVIN, LONG_S, DOTLESS, DOTTED = "\u212a", "\u017f", "\u0131", "\u0130"

REFUSED = {
    "nothing at all": "",
    "no @": "ann",
    "a full-width @": "ann＠example.com",
    "two @": "ann@home@example.com",
    "nothing before the @": "@example.com",
    "nothing after the @": "ann@",
    "no ending": "ann@example",
    "an IPv4 address": "ann@[127.0.0.1]",
    "an IPv6 address": "ann@[IPv6:::1]",
    "an IPv4 address without brackets": "ann@127.0.0.1",
    "a quoted local part": '"ann smith"@example.com',
    "a name": "Ann <ann@example.com>",
    "two addresses": "ann@example.com, bob@example.com",
    "a space": "ann smith@example.com",
    "a line separator": "ann@exa\u2028mple.com",
    "a paragraph separator": "ann\u2029@example.com",
    "a line feed": "ann@example.com\nbcc:eve@example.com",
    "a carriage return": "ann\r@example.com",
    "a NUL": "ann\x00@example.com",
    "a next line character": "ann@\x85example.com",
    "a no-break space": "ann\xa0@example.com",
    "a zero-width space": "ann@exa\u200bmple.com",
    "a soft hyphen": "ann@exa\xadmple.com",
    "a right-to-left override": "ann@exa\u202emple.com",
    "an umlaut before the @": "jürgen@example.com",
    "a Kelvin sign before the @": f"{KELVIN}elvin@example.com",
    "a long s before the @": f"{LONG_S}am@example.com",
    "a dotless i before the @": f"m{DOTLESS}ke@example.com",
    "a dotted I before the @": f"{DOTTED}stanbul@example.com",
    "a full-width letter before the @": "ａnn@example.com",
    "a dot at the end": "ann@example.com.",
    "a dot at the start": ".ann@example.com",
    "a dot before the @": "ann.@example.com",
    "two dots in a row": "ann..smith@example.com",
    "two dots in a row in the domain": "ann@example..com",
    "a hyphen at the start of the domain": "ann@-example.com",
    "an underscore in the domain": "ann@exam_ple.com",
    "a symbol as a domain": "ann@☃.com",
    "an A-label that decodes to nothing": "ann@xn--zzzzzz.com",
    "an A-label that decodes to a control character": "ann@xn--a.com",
    "an empty A-label": "ann@xn--.com",
    "a local part of 65 letters": f"{'a' * 65}@example.com",
    "a label of 64 letters": f"ann@{'b' * 64}.com",
    "255 letters": f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 64}.com",
    "a reserved ending": "ann@example.invalid",
    "localhost": "ann@localhost",
    "an onion service": "ann@example.onion",
}

KEYS = {
    "ann@example.com": "ann@example.com",
    "Ann.Smith+News@EXAMPLE.com": "ann.smith+news@example.com",
    "o'hara@example.com": "o'hara@example.com",
    "a@faß.de": "a@xn--fa-hia.de",
    "a@FAẞ.de": "a@xn--fa-hia.de",
    "a@xn--fa-hia.de": "a@xn--fa-hia.de",
    "a@XN--FA-HIA.DE": "a@xn--fa-hia.de",
    "a@fass.de": "a@fass.de",
    "a@MÜNCHEN.de": "a@xn--mnchen-3ya.de",
    "a@mu\u0308nchen.de": "a@xn--mnchen-3ya.de",
    "a@例え.jp": "a@xn--r8jz45g.jp",
    "a@例え。jp": "a@xn--r8jz45g.jp",
    "a@раypal.com": "a@xn--ypal-43d9g.com",
    f"mike@g{DOTLESS}thub.com": "mike@xn--gthub-n4a.com",
    f"a@{DOTTED}stanbul.com": "a@xn--istanbul-o0e.com",
    f"{'a' * 64}@example.com": f"{'a' * 64}@example.com",
    f"a@{'b' * 63}.com": f"a@{'b' * 63}.com",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_sent_to_is_refused_with_a_reason(text):
    with pytest.raises(ValidationError) as refusal:
        clean_address(text)
    assert str(refusal.value.messages[0]).endswith(".")


def test_an_address_with_a_name_is_asked_for_without_it():
    for text in ("Ann <ann@example.com>", "<ann@example.com>"):
        with pytest.raises(ValidationError, match="without a name and angle brackets"):
            clean_address(text)


@pytest.mark.parametrize(("text", "key"), KEYS.items())
def test_every_spelling_has_the_same_key(text, key):
    assert clean_address(text) == key
    assert address_key(text) == key
    assert address_key(f"  Somebody <{text}> ") == key
    assert clean_address(key) == key


@pytest.mark.parametrize("text", ["Ann@FAß.de (Ann)", "ann(c)@faß.de", "(a@b.c) ann@faß.de"])
def test_a_comment_is_no_part_of_a_key(text):
    assert address_key(text) == "ann@xn--fa-hia.de"


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_key_is_made_of_any_text(text):
    assert address_key(address_key(text)) == address_key(text)


@pytest.mark.parametrize(
    ("stranger", "owner"),
    [
        (f"mike@g{DOTLESS}thub.com", "mike@github.com"),
        (f"{KELVIN}elvin@example.com", "kelvin@example.com"),
        (f"{LONG_S}am@example.com", "sam@example.com"),
        (f"{DOTTED}stanbul@example.com", "istanbul@example.com"),
        ("strasse@example.com", "straße@example.com"),
        ("a@faß.de", "a@fass.de"),
        ("a@раypal.com", "a@paypal.com"),
    ],
)
def test_lookalikes_have_keys_of_their_own(stranger, owner):
    assert address_key(stranger) != address_key(owner)


class TestEndingsForSpecialUse:
    @pytest.mark.parametrize("text", ["ann@corp.local", "ann@mail.corp.local", "ann@x.LOCAL"])
    def test_are_accepted_where_the_setting_names_them(self, settings, text):
        settings.MAIL_SPECIAL_USE_DOMAINS = []
        with pytest.raises(ValidationError, match=r"end in \.local"):
            clean_address(text)
        settings.MAIL_SPECIAL_USE_DOMAINS = ["local"]
        assert clean_address(text) == text.lower()
        with pytest.raises(ValidationError):
            clean_address("ann@corp.test")

    def test_keep_the_other_rules(self, settings):
        settings.MAIL_SPECIAL_USE_DOMAINS = ["test"]
        assert clean_address("a@faß.test") == "a@xn--fa-hia.test"
        for text in ("a@b\u2028.test", "a..b@c.test", "jürgen@c.test", "a@test", "a@.test"):
            with pytest.raises(ValidationError):
                clean_address(text)


class TestForTheWire:
    def test_has_an_ascii_domain_and_keeps_the_name_and_case(self):
        assert for_wire("a@faß.de") == "a@xn--fa-hia.de"
        assert for_wire('"Zoë, Ms" <Zoe@FAß.de>') == '"Zoë, Ms" <Zoe@xn--fa-hia.de>'
        assert for_wire("Ann <Ann@Example.com>") == "Ann <Ann@Example.com>"

    def test_takes_names_that_only_a_relay_knows(self):
        assert for_wire("root@localhost") == "root@localhost"
        assert for_wire("Cron <root@db.intranet.local>") == "Cron <root@db.intranet.local>"

    @pytest.mark.parametrize(
        "text", ["ann(c)@example.com", "ann@(c)example.com", "ann@exa mple.com"]
    )
    def test_is_the_address_alone_where_a_comment_is_within_it(self, text):
        assert for_wire(text) == "ann@example.com"
        with pytest.raises(ValueError, match="line break"):
            for_wire("ann\n@example.com")

    @pytest.mark.parametrize("text", ["jürgen@example.com", "a@b\u2028.test", "a@[127.0.0.1]", "a"])
    def test_says_what_has_no_such_form(self, text):
        assert not is_address(text)
        with pytest.raises(ValueError, match="not an email address"):
            for_wire(text)


def test_a_key_can_be_read_in_its_own_letters():
    assert in_unicode("a@xn--fa-hia.de") == "a@faß.de"
    assert in_unicode("a@xn--zzzzzz.com") == "a@xn--zzzzzz.com"
    assert in_unicode("ann@example.com") == "ann@example.com"


@pytest.mark.django_db
class TestEveryWayOut:
    """The A-label reaches the server and the provider's API, in the envelope and in the headers."""

    def test_the_outbox_stores_it(self, in_memory):
        message = EmailMessage(
            "Hi", "Hi", "Us <us@faß.de>", ["Ann <Ann@FAß.de>"], cc=["ann@xn--fa-hia.de"]
        )
        row = put(message, "letters")
        assert (row.from_email, row.to) == ("Us <us@xn--fa-hia.de>", ["Ann <Ann@xn--fa-hia.de>"])
        delivery = row.deliveries.get()
        assert (delivery.address, delivery.address_key) == (
            "Ann@xn--fa-hia.de",
            "ann@xn--fa-hia.de",
        )
        assert row.id_right.endswith("@xn--fa-hia.de")

    @pytest.mark.parametrize("text", ["ann@example.com (Ann)", "ann(c)@example.com"])
    def test_a_name_in_a_comment_stays_a_recipient(self, in_memory, text):
        row = put(EmailMessage("Hi", "Hi", to=[text], cc=["Ann@example.com"]), "letters")
        mail = build(row, list(row.deliveries.all()))
        assert [mail.to, mail.cc] == [[text.replace("(c)", "")], []]

    def test_our_smtp_backend_sends_it_without_the_outbox(self, smtp):
        mailer = EmailBackend(host="127.0.0.1", port=smtp.port, alias="direct")
        mailer.send_messages(
            [EmailMessage("Hi", "Hi", "us@faß.de", ["Zoë <zoe@FAß.de>"], reply_to=["me@faß.de"])]
        )
        (received,) = smtp.received
        assert (received.sender, received.recipients) == (
            "us@xn--fa-hia.de",
            ["zoe@xn--fa-hia.de"],
        )
        assert "fass.de" not in received.mail.as_string()
        assert received.mail["To"].addresses[0].addr_spec == "zoe@xn--fa-hia.de"

    @pytest.mark.parametrize("text", ["jürgen@example.com", "a@b\u2028.test", "a@[127.0.0.1]"])
    def test_what_has_none_is_refused_where_it_is_written(self, in_memory, text):
        with pytest.raises(ValueError, match="not an email address"):
            put(EmailMessage("Hi", "Hi", to=[text]), "letters")

    @pytest.mark.django_db(transaction=True)
    def test_an_old_row_that_has_none_fails_by_itself(self, smtp):
        row = freeze(EmailMessage("News", "News"), "bulletin")
        add_deliveries(row, map(Recipient, ["jürgen@example.com", "a@b\u2028.test", "ann@x.test"]))
        deliver()
        states = dict(row.deliveries.values_list("address", "state"))
        assert states.pop("ann@x.test") == "sent"
        assert set(states.values()) == {"failed"}
