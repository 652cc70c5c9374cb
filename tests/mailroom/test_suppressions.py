"""The list of addresses that get no mail: searched, lifted, carried in and out, forgotten."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from mailroom.forgetting import forget_address
from mailroom.models import Delivery, Event, Message, Suppression

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
    def upload(self, desk, text: str):
        file = SimpleUploadedFile("list.csv", text.encode(), "text/csv")
        answer = desk.post(f"{LIST}import/", {"import_file": file, "format": "0"})
        form = answer.context.get("confirm_form")
        return desk.post(f"{LIST}process_import/", form.initial) if form else answer

    def test_in(self, desk, ann):
        self.upload(desk, "address,reason,note\nBob@Example.com,complained,moved in\n")
        bob = Suppression.objects.get(address="bob@example.com")
        assert (bob.reason, bob.channel, bob.note) == ("complained", "", "moved in")

    def test_a_bad_row_keeps_all_out(self, desk):
        answer = self.upload(desk, "address,reason\nbob@example.com,manual\nnobody,manual\n")
        assert "is not an e-mail address" in answer.text
        assert not Suppression.objects.exists()

    def test_out_and_in_again_without_a_formula(self, desk, ann):
        Suppression.objects.filter(pk=ann.pk).update(note='=HYPERLINK("http://evil.example")')
        out = desk.post(
            f"{LIST}export/",
            {"format": "0", "resource": "0"}
            | {f"suppressionresource_{name}": "on" for name in FIELDS},
        )
        assert "'=HYPERLINK" in out.text
        Suppression.objects.all().delete()
        self.upload(desk, out.text)
        assert Suppression.objects.get().note.startswith("=HYPERLINK")


FIELDS = ("address", "channel", "reason", "note", "until")


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
