"""The list of addresses that get no mail: searched, lifted, carried in and out, forgotten."""

import io

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile

from mailroom.admin.suppression_csv import import_suppressions
from mailroom.models import Delivery, Event, Message, Suppression
from mailroom.outbox.personal_data import forget_address

pytestmark = pytest.mark.django_db
LIST = "/admin/mailroom/suppression/"


@pytest.fixture
def desk(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("boss@example.com", None))
    return client


@pytest.fixture
def ann() -> Suppression:
    return Suppression.objects.create(
        address="ann@example.com", reason="bounced", evidence="550 5.1.1 no such user"
    )


def stops(address: str, *, is_bulk: bool = True) -> bool:
    return bool(Suppression.objects.stopping([address], channel="newsletters", is_bulk=is_bulk))


class TestLifting:
    def test_needs_a_note_and_keeps_it(self, desk, ann):
        page = f"{LIST}{ann.pk}/lift/"
        assert "550 5.1.1" in desk.get(page).text
        desk.post(page, {"note": ""})
        assert stops("ann@example.com")

        desk.post(page, {"note": "She wrote from there."})
        ann.refresh_from_db()
        assert not stops("ann@example.com")
        assert ann.note.endswith("boss@example.com: She wrote from there.")

    def test_is_offered_while_in_force(self, desk, ann):
        assert "Lift…" in desk.get(f"{LIST}{ann.pk}/change/").text
        ann.lift("x")
        assert "Lift…" not in desk.get(f"{LIST}{ann.pk}/change/").text

    def test_looking_alone_lifts_nothing(self, client, django_user_model, ann):
        client.force_login(django_user_model.objects.create_user("a@example.com", is_staff=True))
        assert client.post(f"{LIST}{ann.pk}/lift/", {"note": "x"}).status_code == 403
        assert stops("ann@example.com")

    def test_by_the_owners_word(self, ann):
        complaint = Suppression.objects.create(
            address="ann@example.com", channel="newsletters", reason="complained"
        )
        assert Suppression.objects.confirmed("Ann@example.com") == 1
        complaint.refresh_from_db()
        assert complaint.is_active
        assert Suppression.objects.confirmed("ann@example.com", wants="newsletters") == 1
        assert not stops("ann@example.com")


class TestFiles:
    def upload(self, desk, text: str | bytes):
        data = text.encode() if isinstance(text, str) else text
        file = SimpleUploadedFile("list.csv", data, "text/csv")
        return desk.post(f"{LIST}import/", {"import_file": file}, follow=True)

    def test_in(self, desk, ann):
        self.upload(desk, "address,reason,note\nBob@Example.com,complained,moved in\n")
        bob = Suppression.objects.get(address="bob@example.com")
        assert (bob.reason, bob.channel, bob.note) == ("complained", "", "moved in")

    def test_a_known_one_takes_what_the_file_says(self, desk, ann):
        answer = self.upload(desk, "address,reason,until\nANN@example.com,manual,2030-01-01\n")
        assert "0 new, 1 changed, 0 lines skipped" in answer.text
        ann.refresh_from_db()
        assert (ann.reason, ann.until.year) == ("manual", 2030)

    def test_bad_lines_are_named_and_the_others_taken_in(self, desk, db):
        text = "address,reason,channel\nbob@example.com,manual,\nnobody,manual,\n"
        text += "a@example.com,nonsense,\nb@example.com,manual,nowhere\nc@example.com,,\n"
        answer = self.upload(desk, text)
        assert "Line 3: “nobody” is not an email address" in answer.text
        assert "Line 4: The reason “nonsense” is not known" in answer.text
        assert "Line 5: There is no channel “nowhere”" in answer.text
        stored = Suppression.objects.order_by("pk").values_list("address", flat=True)
        assert list(stored) == ["bob@example.com", "c@example.com"]

    @pytest.mark.parametrize(
        "data",
        [b"ann@example.com\r\nBOB@example.com\r\n", "e-mail\nann@example.com\n".encode("utf-16")],
    )
    def test_a_list_of_addresses_alone_in_any_encoding(self, desk, data):
        self.upload(desk, data)
        assert stops("ann@example.com")

    def test_ten_thousand_take_a_fixed_number_of_queries_a_batch(
        self, db, django_assert_max_num_queries
    ):
        file = io.BytesIO(b"address\n" + b"".join(b"p%d@example.com\n" % n for n in range(10_000)))
        with django_assert_max_num_queries(2 * 20 + 4):
            counts, problems = import_suppressions(file)
        assert (counts, problems) == ({"new": 10_000}, [])

    def test_out_and_in_again_without_a_formula(self, desk, ann):
        Suppression.objects.filter(pk=ann.pk).update(note='=HYPERLINK("http://evil.example")')
        out = desk.get(f"{LIST}export/").getvalue()
        assert b"'=HYPERLINK" in out
        Suppression.objects.all().delete()
        self.upload(desk, out)
        assert Suppression.objects.get().note.startswith("=HYPERLINK")

    @pytest.mark.parametrize("right", ["add", "change"])
    def test_needs_the_permissions_to_add_and_to_change(
        self, client, django_user_model, ann, right
    ):
        clerk = django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        names = [f"{right}_suppression", "view_suppression"]
        clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(clerk)
        file = SimpleUploadedFile("list.csv", b"address,reason\nann@example.com,manual\n")
        assert client.post(f"{LIST}import/", {"import_file": file}).status_code == 403
        assert f"{LIST}import/" not in client.get(LIST).text
        ann.refresh_from_db()
        assert ann.reason == "bounced"

    def test_needs_a_permission(self, client, django_user_model):
        clerk = django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        client.force_login(clerk)
        assert client.get(f"{LIST}import/").status_code == 403
        assert client.get(f"{LIST}export/").status_code == 403


class TestForgetting:
    def test_leaves_nothing_but_a_hash_that_still_stops_mail(self, ann, settings):
        message = Message.objects.create(channel="newsletters", to=["ann@example.com"], body="Hi")
        sent = Delivery.objects.create(message=message, address="Ann@example.com", state="sent")
        waiting = Delivery.objects.create(
            message=Message.objects.create(channel="newsletters"), address="ann@example.com"
        )
        Event.objects.create(provider="p", event_id="1", kind="delivered", address=ann.address)

        forget_address("Ann@example.com")

        for model in (Delivery, Event, Message, Suppression):
            dump = io.StringIO("\n".join(str(list(model.objects.values()))))
            assert "ann" not in "".join(dump.getvalue().split()).lower().replace("channel", "")
        sent.refresh_from_db()
        waiting.refresh_from_db()
        assert (sent.state, waiting.state) == ("sent", "skipped")
        assert stops("ANN@example.com", is_bulk=False)
        assert not stops("bob@example.com")

    def test_the_hash_outlives_a_change_of_the_key(self, ann, settings):
        forget_address("ann@example.com")
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-key-" * 5
        assert stops("ann@example.com")

    def test_it_is_found_by_who_knows_the_address(self, desk, ann):
        forget_address("ann@example.com")
        assert "hmac:" in desk.get(LIST, {"q": "ann@example.com"}).text
        assert "hmac:" not in desk.get(LIST, {"q": "bob@example.com"}).text
