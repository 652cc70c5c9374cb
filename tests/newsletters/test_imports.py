"""People from a CSV file: all of them or none, and every fault with its line."""

import io
import resource
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from newsletters import clock, importing
from newsletters.imports import SubscriptionExport, import_subscribers
from newsletters.models import SubscriberImport, Subscription

CONSENT = "Paper list at the fair"
IMPORT = "/admin/newsletters/subscriberimport/"


@pytest.fixture
def take_in(weekly):
    def run(text: str | bytes):
        data = text.encode() if isinstance(text, str) else text
        return import_subscribers(weekly, io.BytesIO(data), CONSENT)

    return run


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


@pytest.mark.usefixtures("transactional_db")
class TestInTheAdmin:
    def upload(self, desk, weekly, data: bytes, name: str = "people.csv"):
        file = SimpleUploadedFile(name, data, "text/csv")
        fields = {"newsletter": weekly.pk, "consent": CONSENT, "file": file}
        return desk.post(f"{IMPORT}add/", fields, follow=True)

    def check(self, desk, drain, **columns: int | str):
        job = SubscriberImport.objects.get()
        desk.post(f"{IMPORT}{job.pk}/columns/", columns)
        drain()
        return desk.get(f"{IMPORT}{job.pk}/change/")

    def test_shows_what_will_happen_then_does_it(self, desk, weekly, drain, subscribed):
        subscribed("bob@example.com").unsubscribe()
        data = b"email,name\nann@example.com,<b>Ann</b>\nbob@example.com,Bob\n"
        page = self.upload(desk, weekly, data)
        assert page.context["form"].initial == {"email": 0, "name": 1}
        page = self.check(desk, drain, email=0, name=1)
        assert "&lt;b&gt;Ann&lt;/b&gt;" in page.text
        assert ("new", 1) in page.context["counts"]
        assert ("left before, stay out", 1) in page.context["counts"]
        assert not Subscription.objects.confirmed().exists()

        desk.post(f"{IMPORT}{page.context['job'].pk}/start/")
        drain()
        ann = Subscription.objects.confirmed().get()
        assert (ann.email, ann.consent_wording) == ("ann@example.com", CONSENT)
        done = SubscriberImport.objects.get()
        assert (done.state, done.counts, bytes(done.data)) == ("done", {"new": 1, "left": 1}, b"")

    def test_columns_of_any_name_can_be_chosen(self, desk, weekly, drain):
        self.upload(desk, weekly, b"nom;courriel\nRene;rene@example.com\n")
        page = self.check(desk, drain, email=1, name=0)
        assert page.context["job"].sample == [["new", "rene@example.com", "Rene", "en"]]

    def test_a_column_that_is_not_there_is_refused(self, desk, weekly, drain):
        self.upload(desk, weekly, b"email\nann@example.com\n")
        page = self.check(desk, drain, email=7)
        assert page.context["job"].state == "new"

    def test_a_note_of_consent_is_required(self, desk, weekly):
        file = SimpleUploadedFile("people.csv", b"email\nann@example.com\n", "text/csv")
        desk.post(f"{IMPORT}add/", {"newsletter": weekly.pk, "consent": " ", "file": file})
        assert not SubscriberImport.objects.exists()

    def test_faults_are_shown_and_nothing_can_be_started(self, desk, weekly, drain):
        self.upload(desk, weekly, b"email\nann@example.com\nbob@\n")
        page = self.check(desk, drain, email=0)
        assert "Line 3: email" in page.text
        desk.post(f"{IMPORT}{page.context['job'].pk}/start/")
        drain()
        assert not Subscription.objects.exists()

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (b"email\xe9\nrene@example.com\n", "Line 1 is not UTF-8"),
            (b'email,"' + b"x" * 200_000 + b'"\nann@example.com,x\n', "field larger than"),
        ],
        ids=["encoding", "huge field"],
    )
    def test_a_file_that_cannot_be_read_is_refused_at_once(self, desk, weekly, data, told):
        assert told in self.upload(desk, weekly, data).text
        assert not SubscriberImport.objects.exists()

    def test_a_huge_file_is_refused(self, desk, weekly, monkeypatch):
        monkeypatch.setattr("newsletters.admin.forms.LARGEST", 10)
        self.upload(desk, weekly, b"email\nann@example.com\n")
        assert not SubscriberImport.objects.exists()

    def test_looking_and_following_links_changes_nothing(self, desk, weekly, drain):
        self.upload(desk, weekly, b"email\nann@example.com\n")
        page = self.check(desk, drain, email=0)
        for step in ("columns", "start", "progress", "change"):
            desk.get(f"{IMPORT}{page.context['job'].pk}/{step}/")
        drain()
        assert SubscriberImport.objects.get().state == "ready"

    def test_needs_the_permission_to_add(self, client, weekly, django_user_model):
        clerk = django_user_model.objects.create_user("clerk@example.com", None, is_staff=True)
        client.force_login(clerk)
        job = SubscriberImport.objects.create(newsletter=weekly, state="ready")
        for page in ("add/", f"{job.pk}/change/", f"{job.pk}/progress/"):
            assert client.get(IMPORT + page).status_code == 403
        assert client.post(f"{IMPORT}{job.pk}/start/").status_code == 403

    def test_is_offered_beside_the_list(self, desk):
        assert f"{IMPORT}add/" in desk.get("/admin/newsletters/subscription/").text

    def test_exports_what_can_be_imported_again(self, desk, weekly, subscribed, take_in):
        subscribed("ann@example.com", "René")
        response = desk.post(
            "/admin/newsletters/subscription/export/", {"format": "0", "resource": ""}
        )
        data = response.getvalue() if response.streaming else response.content
        Subscription.objects.all().delete()
        take_in(data)
        assert Subscription.objects.get().name == "René"


class TestFormulas:
    def test_none_leaves_and_names_come_back_as_they_were(self, take_in, subscribed, weekly):
        subscribed("=cmd@example.com", '=HYPERLINK("http://evil.example")')
        table = SubscriptionExport().export()
        assert table["name"] == ['\'=HYPERLINK("http://evil.example")']
        assert table["email"] == ["'=cmd@example.com"]

        Subscription.objects.all().delete()
        take_in("email,name\nann@example.com,'=1+1\n")
        assert Subscription.objects.get().name == "=1+1"


class TestManyPeople:
    def job(self, weekly, number: int) -> SubscriberImport:
        lines = "".join(f"p{n}@example.com\n" for n in range(number))
        file = {"data": f"email\n{lines}".encode(), "columns": {"email": 0}}
        return SubscriberImport.objects.create(newsletter=weekly, consent=CONSENT, **file)

    def turn(self, job: SubscriberImport, state: str) -> SubscriberImport:
        SubscriberImport.objects.filter(pk=job.pk).update(state=state)
        job.refresh_from_db()
        return job

    def test_a_batch_takes_as_many_queries_however_many_are_known(
        self, weekly, django_assert_max_num_queries
    ):
        job = self.turn(self.job(weekly, 2500), "running")
        with django_assert_max_num_queries(3 * 10 + 5):
            importing.go_on(job)
        assert Subscription.objects.confirmed().count() == 2500

    def test_goes_on_where_a_worker_died(self, weekly, monkeypatch):
        job = self.turn(self.job(weekly, 2500), "running")
        take_in, calls = importing.SubscriptionResource.take_in, []

        def dies(*args, **kwargs):
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return take_in(*args, **kwargs)

        monkeypatch.setattr(importing.SubscriptionResource, "take_in", dies)
        with pytest.raises(KeyboardInterrupt):
            importing.go_on(job)
        job.refresh_from_db()
        assert (job.state, job.position, job.counts) == ("running", 1000, {"new": 1000})

        importing.go_on(job)
        job.refresh_from_db()
        assert (job.state, job.counts) == ("done", {"new": 2500})

    def test_a_second_worker_does_nothing_twice(self, weekly):
        job = self.turn(self.job(weekly, 1500), "running")
        late = SubscriberImport.objects.get(pk=job.pk)
        importing.go_on(job)
        importing.go_on(late)
        job.refresh_from_db()
        assert job.counts == {"new": 1500}

    def test_only_the_first_faults_are_kept(self, weekly):
        job = self.turn(self.job(weekly, 5), "checking")
        SubscriberImport.objects.update(data=b"email\n" + b"bad@\n" * 3000)
        importing.go_on(SubscriberImport.objects.get(pk=job.pk))
        job.refresh_from_db()
        assert (job.state, len(job.faults)) == ("faulty", importing.MOST_FAULTS)

    @pytest.mark.full
    def test_a_hundred_thousand_in_bounded_memory(self, weekly):
        job = self.turn(self.job(weekly, 100_000), "checking")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        importing.go_on(job)
        job.refresh_from_db()
        assert job.start()
        importing.go_on(job)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert Subscription.objects.confirmed().count() == 100_000
        assert grown < 100_000  # kilobytes; all rows at once take several times as much


def test_a_file_that_nobody_decided_about_is_forgotten(weekly):
    for days in (1, 8):
        begun = timezone.now() - timedelta(days=days)
        SubscriberImport.objects.create(newsletter=weekly, created_at=begun, state="ready")
    clock.forget_unfinished_imports()
    assert SubscriberImport.objects.get().created_at > timezone.now() - timedelta(days=7)
