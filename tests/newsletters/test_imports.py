"""People from a CSV file: all of them or none, and every fault with its line."""

import pytest
from django.core.exceptions import ValidationError

from newsletters.imports import SubscriptionExport
from newsletters.models import Subscription

CONSENT = "Paper list at the fair"
IMPORT = "/admin/newsletters/subscriberimport/"


@pytest.fixture
def faults(take_in):
    def run(text: str | bytes) -> list[str]:
        before = list(Subscription.objects.values_list("email", "state"))
        with pytest.raises(ValidationError) as refused:
            take_in(text)
        assert list(Subscription.objects.values_list("email", "state")) == before
        return refused.value.messages

    return run


class TestGoodFiles:
    def test_people_are_confirmed_with_a_note_of_their_consent(self, take_in):
        take_in("email,name,language\nAnn@Example.com,Ann,fr\nbob@example.com,,\n")
        ann, bob = Subscription.objects.order_by("email")
        assert (ann.email, ann.name, ann.language) == ("ann@example.com", "Ann", "fr")
        assert ann.is_confirmed
        assert ann.consent_wording == CONSENT
        assert bob.language == "en"

    @pytest.mark.parametrize(
        "data",
        [
            "\ufeffemail,name\nrené@example.com".encode().replace(b"ren\xc3\xa9@", b"rene@"),
            b"E-Mail;Name\r\nrene@example.com;Ren\xc3\xa9\r\n",
            b'name,"email"\n"Ren\xc3\xa9, the first",rene@example.com\n\n',
            b"email\trank\n rene@example.com \t1\n",
        ],
        ids=["byte order mark, short row", "semicolons", "quotes and order", "tabs, other columns"],
    )
    def test_dialects(self, take_in, data):
        if data.startswith(b"\xef\xbb\xbf"):
            data += b",Ren\xc3\xa9"
        take_in(data)
        assert Subscription.objects.get().email == "rene@example.com"

    def test_a_second_time_changes_nothing(self, take_in):
        take_in("email,name\nann@example.com,Ann\n")
        again = take_in("email,name\nann@example.com,Other\nbob@example.com,Bob\n")
        assert again == {"new": 1, "known": 1}
        assert Subscription.objects.get(email="ann@example.com").name == "Ann"

    def test_who_left_stays_out(self, take_in, subscribed):
        subscribed("ann@example.com").unsubscribe()
        take_in("email\nann@example.com\n")
        assert Subscription.objects.get().is_unsubscribed

    def test_who_waits_is_confirmed(self, take_in, subscribed):
        subscribed("ann@example.com", state="pending")
        take_in("email\nann@example.com\n")
        assert Subscription.objects.get().is_confirmed

    def test_a_name_may_span_lines_of_the_file_only_if_it_is_one_line(self, faults):
        (fault,) = faults('email,name\nann@example.com,"An\nn"\n')
        assert fault.startswith("Line 2: name: ")


class TestBadFiles:
    def test_every_bad_row_is_named_with_its_line(self, faults):
        found = faults(
            "email,name,language\nann@example.com,Ann,en\nann@,x,en\nbob@example.com,B,xx\n"
            "ANN@example.com,again,en\n,nobody,en\n"
        )
        assert [fault.split(":")[0] for fault in found] == ["Line 3", "Line 4", "Line 5", "Line 6"]
        assert "valid email address" in found[0]
        assert "language" in found[1]
        assert found[2] == "Line 5: ann@example.com is on line 2 already."

    def test_lines_are_those_of_the_file(self, faults):
        text = 'email,note\n"ann@example.com","two\nlines"\n\nbad,x\n'
        assert faults(text)[0].startswith("Line 5: ")

    def test_latin_1_is_refused_with_the_line(self, faults):
        (fault,) = faults("email,name\na@example.com,Ann\nr@example.com,René\n".encode("latin-1"))
        assert fault.startswith("Line 3 is not UTF-8")

    def test_utf_16_is_refused(self, faults):
        assert "is not UTF-8" in faults("email\na@example.com\n".encode("utf-16"))[0]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "one of them “email”"),
            ("name\nAnn\n", "one of them “email”. It says: name"),
            ("ann@example.com\nbob@example.com\n", "one of them “email”"),
            ("email\n", "no rows"),
            ("email,email\na@b.c,d@e.f\n", "names a column twice"),
            ("email,name\na@example.com\n", "Line 2 has 1 cells instead of 2"),
            ("email,name\na@example.com,b,c\n", "Line 2 has 3 cells instead of 2"),
            ('email\n"a@example.com\n', "Line 2: unexpected end of data"),
            ("email,newsletter\na@example.com,other\n", "is for the newsletter “other”"),
            ("email,name\na@example.com,x\0y\n", "control characters"),
            ("email\na@example.com\u2028bcc\n", "Line 2: "),
        ],
    )
    def test_faults_of_form(self, faults, text, told):
        assert told in faults(text)[0]


class TestFormulas:
    def test_none_leaves_and_names_come_back_as_they_were(self, take_in, subscribed, weekly):
        subscribed("=cmd@example.com", '=HYPERLINK("http://evil.example")')
        table = SubscriptionExport().export()
        assert table["name"] == ['\'=HYPERLINK("http://evil.example")']
        assert table["email"] == ["'=cmd@example.com"]

        Subscription.objects.all().delete()
        take_in("email,name\nann@example.com,'=1+1\n")
        assert Subscription.objects.get().name == "=1+1"
