"""People from a CSV file: as many as can be taken in, and nobody who left comes back."""

import pytest
from django.core.exceptions import ValidationError

from newsletters.models import Subscription

CONSENT = "Paper list at the fair"


def stored() -> dict[str, str]:
    return dict(Subscription.objects.values_list("email", "state"))


class TestPeople:
    def test_are_confirmed_with_a_note_of_their_consent(self, take_in):
        take_in("email,name,language\nAnn@Example.com,Ann,fr\nbob@example.com,,\n")
        ann, bob = Subscription.objects.order_by("email")
        assert (ann.email, ann.name, ann.language) == ("ann@example.com", "Ann", "fr")
        assert ann.is_confirmed
        assert (ann.consent_wording, ann.consent_source) == (CONSENT, "import")
        assert bob.language == "en"

    def test_the_good_rows_are_taken_in_and_the_bad_ones_counted(self, take_in):
        text = "email\nann@example.com\nANN@example.com\n\nkaputt@\nbob@example.com\n"
        assert take_in(text) == {"new": 2, "merged": 1, "bad": 1}
        assert set(stored()) == {"ann@example.com", "bob@example.com"}

    @pytest.mark.parametrize(
        "text",
        [
            "ann@example.com\nbob@example.com\n",
            "Ann,ann@example.com\nBob,bob@example.com\n",
            "Ann <ann@example.com>\nBob <bob@example.com>\n",
            "Guests of the fair\n\nName,Email\nAnn,ann@example.com\nBob,bob@example.com\n",
            "Name,Email 1 - Type,Email 1 - Value\nA,Home,ann@example.com\nB,,bob@example.com\n",
            "name\nAnn,ann@example.com\nBob,bob@example.com\n",
            "email\nmailto:ann@example.com\n\u200bbob@example.com,\n",
        ],
    )
    def test_a_file_without_a_header_loses_nobody(self, take_in, text):
        assert take_in(text) == {"new": 2}
        assert set(stored()) == {"ann@example.com", "bob@example.com"}

    def test_a_first_row_with_a_bad_address_is_no_header(self, take_in):
        assert take_in("kaputt@,K\nann@example.com,Ann\n") == {"bad": 1, "new": 1}

    def test_a_name_beside_the_address_is_kept(self, take_in):
        take_in("Ann Lee <ann@example.com>\n")
        assert Subscription.objects.get().name == "Ann Lee"

    def test_two_columns_without_a_header_are_address_and_name(self, take_in):
        take_in("Ann,ann@example.com\n")
        assert Subscription.objects.get().name == "Ann"

    @pytest.mark.parametrize(
        "header",
        ["First Name,Last Name", "first_name,last_name", "FNAME,LNAME", "Pre\u0301nom,Nom"],
    )
    def test_first_and_last_name_are_joined(self, take_in, header):
        take_in(f"email,{header}\nann@example.com,Ann,Lee\n")
        assert Subscription.objects.get().name == "Ann Lee"

    @pytest.mark.parametrize(
        ("written", "language"),
        [
            ("EN", "en"),
            ("en-US", "en"),
            ("fr-CA", "fr"),
            ("fr_FR", "fr"),
            ("French", "fr"),
            ("Français", "fr"),
            ("tlh", "en"),
            ("", "en"),
        ],
    )
    def test_languages_in_any_spelling(self, take_in, written, language):
        take_in(f"email,language\nann@example.com,{written}\n")
        assert Subscription.objects.get().language == language

    def test_a_name_is_one_line_without_control_characters(self, take_in):
        take_in('email,name\nann@example.com,"An\nn\0 \x07Lee"\n')
        assert Subscription.objects.get().name == "An n Lee"

    def test_a_column_of_addresses_is_needed(self, take_in):
        with pytest.raises(ValidationError, match="No column holds email addresses"):
            take_in("name\nAnn\n")


class TestForm:
    @pytest.mark.parametrize(
        "data",
        [
            "email;name\nann@example.com;René\n".encode("utf-8-sig"),
            "email;name\r\nann@example.com;René\r\n".encode("cp1252"),
            "email\tname\nann@example.com\tRené\n".encode("utf-16"),
            "email,name\nann@example.com,René\n".encode("utf-32"),
            "email,name,x\nann@example.com,René,".encode() + b"Andr\xe9\n",
            "email,name\rann@example.com,René\r".encode(),
            "email,name\nann@example.com,René\n".encode("utf-16-le"),
            "email,name\nann@example.com,René\n".encode("utf-16-be"),
            "sep=;\r\nemail;name\r\nann@example.com;René\r\n".encode(),
            "\n\nemail|name\nann@example.com|René\n".encode(),
            'E-Mail,"Full Name"\n"ann@example.com","René"\n'.encode(),
            "email,x,name\nann@example.com\nann@example.com,,René\n".encode(),
        ],
    )
    def test_encodings_and_separators(self, take_in, data):
        take_in(data)
        assert Subscription.objects.get().name == "René"

    def test_a_quotation_mark_that_is_never_closed_costs_one_line(self, take_in):
        lines = "".join(f"p{n}@example.com,P\n" for n in range(200))
        counts = take_in(f'email,name\nann@example.com,"Ann\n{lines}')
        assert counts == {"new": 200, "bad": 1}

    def test_a_huge_cell_costs_one_line(self, take_in):
        counts = take_in(f"email,name\nann@example.com,{'x' * 200_000}\nbob@example.com,B\n")
        assert counts == {"new": 1, "bad": 1}


class TestStates:
    def test_who_left_stays_out(self, take_in, subscribed):
        subscribed("ann@example.com").unsubscribe()
        assert take_in("email\nann@example.com\n") == {"left": 1}
        assert Subscription.objects.get().is_unsubscribed

    def test_who_waits_is_confirmed_by_a_list_without_states(self, take_in, subscribed):
        subscribed("ann@example.com", state="pending")
        take_in("email\nann@example.com\n")
        assert Subscription.objects.get().is_confirmed

    def test_a_known_person_keeps_what_they_have(self, take_in, subscribed):
        subscribed("ann@example.com", "Ann")
        assert take_in("email,name\nann@example.com,Other\n") == {"known": 1}
        assert Subscription.objects.get().name == "Ann"

    @pytest.mark.parametrize("column", ["state", "Status", "subscription_status"])
    @pytest.mark.parametrize("word", ["unsubscribed", "Cleaned", "blocklisted", "bounced"])
    def test_who_left_elsewhere_is_never_subscribed(self, take_in, column, word):
        take_in(f"email,{column}\nann@example.com,{word}\n")
        assert stored() == {"ann@example.com": "unsubscribed"}
        assert take_in("email\nann@example.com\n") == {"left": 1}

    @pytest.mark.parametrize(
        ("columns", "cells"),
        [
            ("unsubscribed", "yes"),
            ("Email Opt Out", "1"),
            ("Subscribed", "FALSE"),
            ("Statut", "Désabonné"),
            ("bounced,complained", "no,yes"),
            ("status,email status", "active,bounced"),
            ("status,unsubscribed_at", "active,2025-01-01"),
            ("status,confirmed_at,unsubscribed_at", "active,2024-01-01,2025-01-01"),
            ("state,deleted_at", "confirmed,2025-01-01"),
            ("unsubscribed_at", "9999-12-31"),
            ("unsubscribed_at", "0001-01-01T00:00:00+14:00"),
        ],
    )
    def test_any_column_that_says_so_counts(self, take_in, columns, cells):
        take_in(f"email,{columns}\nann@example.com,{cells}\n")
        assert stored() == {"ann@example.com": "unsubscribed"}

    @pytest.mark.parametrize(
        ("columns", "cells"),
        [
            ("unsubscribed_at", "0000-00-00 00:00:00"),
            ("unsubscribed", "N/A"),
            ("unsubscribed,bounced", "-,never"),
            ("state,status", "CA,subscribed"),
            ("status,confirmed_at,unsubscribed_at", "active,2025-02-02,2025-01-01"),
        ],
    )
    def test_but_not_one_that_says_never(self, take_in, columns, cells):
        take_in(f"email,{columns}\nann@example.com,{cells}\n")
        assert stored() == {"ann@example.com": "confirmed"}

    @pytest.mark.parametrize("word", ["pending", "unconfirmed", "unactivated"])
    def test_who_never_confirmed_elsewhere_is_not_confirmed_here(self, take_in, word, mailoutbox):
        take_in(f"email,status\nann@example.com,{word}\n")
        assert stored() == {"ann@example.com": "pending"}
        assert mailoutbox == []

    def test_an_unknown_state_leaves_the_line_out(self, take_in):
        counts = take_in("email,state\nann@example.com,dancing\nbob@example.com,active\n")
        assert counts == {"bad": 1, "new": 1}

    def test_a_known_person_who_left_elsewhere_is_unsubscribed(self, take_in, subscribed):
        subscribed("ann@example.com")
        assert take_in("email,state\nann@example.com,unsubscribed\n") == {"leaving": 1}
        assert stored() == {"ann@example.com": "unsubscribed"}

    def test_but_not_if_they_came_here_after_that(self, take_in, subscribed):
        subscribed("ann@example.com")
        text = "email,state,unsubscribed_at\nann@example.com,unsubscribed,2020-01-01T10:00:00Z\n"
        assert take_in(text) == {"known": 1}
        assert stored() == {"ann@example.com": "confirmed"}

    def test_one_address_twice_of_which_one_left(self, take_in):
        take_in("email,state\nann@example.com,confirmed\nANN@example.com,unsubscribed\n")
        assert stored() == {"ann@example.com": "unsubscribed"}

    def test_rows_of_another_newsletter_are_left_out(self, take_in):
        text = "email,newsletter\nann@example.com,weekly\nbob@example.com,other\n"
        assert take_in(text) == {"new": 1, "bad": 1}


MAILCHIMP = (
    '"Email Address","First Name","Last Name",Address,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,'
    "CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)


class TestLayouts:
    """As other programs export their lists; the people are made up."""

    def test_mailchimp(self, take_in):
        row = ',,2,,,"2024-05-01 09:00:00",203.0.113.7,,,"2024-05-01 09:00:00",1,abc,,'
        take_in(f"{MAILCHIMP}\nada@example.com,Ada,Lovelace{row}\n")
        take_in(
            f"{MAILCHIMP},UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON\n"
            f'bob@example.com,Bob,Babbage{row},"2025-01-02 10:00:00",May,7,"NORMAL"\n'
        )
        take_in(
            f"{MAILCHIMP},CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\n"
            f'eve@example.com,Eve,X{row},"2025-01-02 10:00:00",May\n'
        )
        assert stored() == {
            "ada@example.com": "confirmed",
            "bob@example.com": "unsubscribed",
            "eve@example.com": "unsubscribed",
        }
        assert Subscription.objects.get(email="ada@example.com").name == "Ada Lovelace"
        assert Subscription.objects.get(email="bob@example.com").unsubscribed_at.year == 2025

    def test_listmonk(self, take_in):
        take_in(
            "uuid,email,name,attributes,status,created_at,updated_at\n"
            '1-a,ada@example.com,Ada,"{""city"": ""London, UK""}",enabled,2024-01-01,2024-01-01\n'
            '1-b,bob@example.com,Bob,"{}",blocklisted,2024-01-01,2024-01-01\n'
            '1-c,eve@example.com,Eve,"{}",disabled,2024-01-01,2024-01-01\n'
        )
        assert stored() == {
            "ada@example.com": "confirmed",
            "bob@example.com": "unsubscribed",
            "eve@example.com": "unsubscribed",
        }

    def test_ghost(self, take_in):
        take_in(
            "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,"
            "created_at,deleted_at,labels,tiers\n"
            "1,ada@example.com,Ada,,true,false,,2024-01-01T10:00:00.000Z,,,\n"
            "2,bob@example.com,Bob,,false,false,,2024-01-01T10:00:00.000Z,,,\n"
            "3,eve@example.com,Eve,,true,false,,2024-01-01T10:00:00.000Z,2025-01-01T00:00:00Z,,\n"
        )
        assert stored() == {
            "ada@example.com": "confirmed",
            "bob@example.com": "unsubscribed",
            "eve@example.com": "unsubscribed",
        }

    def test_buttondown(self, take_in):
        take_in(
            "id,email_address,creation_date,type,notes,tags,referrer_url\n"
            "1,ada@example.com,2024-01-01,regular,,,\n"
            "2,bob@example.com,2024-01-01,unsubscribed,,,\n"
            "3,eve@example.com,2024-01-01,unactivated,,,\n"
            "4,joe@example.com,2024-01-01,premium,,,\n"
            "5,kim@example.com,2024-01-01,undeliverable,,,\n"
        )
        assert stored() == {
            "ada@example.com": "confirmed",
            "bob@example.com": "unsubscribed",
            "eve@example.com": "pending",
            "joe@example.com": "confirmed",
            "kim@example.com": "unsubscribed",
        }


class TestOwnExport:
    @pytest.fixture
    def exported(self, desk):
        return lambda: desk.get("/admin/newsletters/subscription/export/").getvalue()

    @pytest.fixture
    def everyone(self, subscribed):
        subscribed("ann@example.com", "René")
        subscribed("bob@example.com", state="pending")
        subscribed("eve@example.com", '=HYPERLINK("http://evil.example")').unsubscribe()
        back = subscribed("zoe@example.com", "Zoë", language="fr")
        back.unsubscribe()
        back.undo_unsubscribe()

    def everything(self):
        return list(Subscription.objects.order_by("email").values())

    def test_importing_it_again_changes_nothing(self, everyone, exported, take_in):
        before = self.everything()
        take_in(exported())
        assert self.everything() == before

    def test_in_another_language_of_the_admin_too(self, everyone, desk, exported, take_in):
        desk.cookies["django_language"] = "fr"
        before = self.everything()
        assert take_in(exported()) == {"known": 3, "left": 1}
        assert self.everything() == before

    def test_nobody_comes_back_who_left_since(self, everyone, exported, take_in):
        file = exported()
        Subscription.objects.get(email="ann@example.com").unsubscribe()
        take_in(file)
        assert stored()["ann@example.com"] == "unsubscribed"

    def test_into_an_empty_list_it_brings_back_who_was_there(self, everyone, exported, take_in):
        file = exported()
        assert b"'=HYPERLINK" in file  # what strangers typed is no formula in a spreadsheet
        before = stored()
        names = set(Subscription.objects.values_list("name", flat=True))
        Subscription.objects.all().delete()
        take_in(file)
        assert stored() | {"zoe@example.com": "confirmed"} == before
        assert set(Subscription.objects.values_list("name", flat=True)) == names

    def test_needs_the_right_to_see_subscribers(self, client, django_user_model):
        clerk = django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        client.force_login(clerk)
        assert client.get("/admin/newsletters/subscription/export/").status_code == 403
