"""Imports as jobs of a worker, and their pages in the admin."""

import resource
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from mailroom.csv_files import SHOWN_PROBLEMS
from newsletters import periodic
from newsletters.models import SubscriberImport, Subscription
from newsletters.subscribers import importing

CONSENT = "Paper list at the fair"
IMPORT = "/admin/newsletters/subscriberimport/"


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
        assert ("unsubscribed earlier (skipped)", 1) in page.context["counts"]
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

    def test_good_rows_go_in_and_bad_lines_are_a_file_with_reasons(self, desk, weekly, drain):
        self.upload(
            desk, weekly, b"email,name\nann@example.com,Ann\nbob@,=Bob\n\nANN@example.com,\n"
        )
        page = self.check(desk, drain, email=0, name=1)
        assert "Line 3: bob@: Enter a valid email address" in page.text
        job = page.context["job"]
        assert (job.state, job.counts) == ("ready", {"new": 1, "merged": 1, "bad": 1})

        desk.post(f"{IMPORT}{job.pk}/start/")
        drain()
        assert Subscription.objects.get().email == "ann@example.com"
        file = desk.get(f"{IMPORT}{job.pk}/problems/")
        assert "attachment" in file["Content-Disposition"]
        lines = file.content.decode("utf-8-sig").splitlines()
        assert lines[0] == "Line,Problem,email,name"
        assert lines[1].startswith("3,bob@: Enter a valid email address")
        assert lines[1].endswith(",bob@,'=Bob")  # no formula

    def test_a_file_without_a_header_offers_numbered_columns(self, desk, weekly, drain):
        page = self.upload(desk, weekly, b"Ann,ann@example.com\nBob,bob@example.com\n")
        assert page.context["job"].header == ["Column 1", "Column 2"]
        assert page.context["form"].initial == {"email": 1, "name": 0}
        assert self.check(desk, drain, email=1, name=0).context["job"].counts == {"new": 2}

    def test_what_the_file_says_of_leaving_counts_though_no_field_shows_it(
        self, desk, weekly, drain
    ):
        self.upload(desk, weekly, b"Email Address,UNSUB_TIME\nann@example.com,2025-01-01\n")
        assert self.check(desk, drain, email=0).context["job"].counts == {"leaving": 1}

    def test_a_file_of_nothing_good_can_not_be_started(self, desk, weekly, drain):
        self.upload(desk, weekly, b"email\nbob@\n")
        page = self.check(desk, drain, email=0)
        assert page.context["job"].state == "faulty"
        desk.post(f"{IMPORT}{page.context['job'].pk}/start/")
        drain()
        assert not Subscription.objects.exists()

    def test_odd_bytes_are_no_error(self, desk, weekly, drain):
        for data in (b"email\xe9\nrene@example.com\n", b"\x00\x01\x02" * 99, b"\xff\xfe", b"\n\n"):
            self.upload(desk, weekly, data)
        for job in SubscriberImport.objects.all():
            desk.post(f"{IMPORT}{job.pk}/columns/", {"email": 0})
        drain()
        assert not SubscriberImport.objects.filter(state="checking").exists()

    @pytest.mark.parametrize(
        "data",
        [b"email,na\0me\nann@example.com,A\n", b"email,state\nb\0@example.com,\nb@a.example,x\0\n"],
    )
    def test_nul_is_a_problem_with_its_line(self, desk, weekly, drain, data):
        self.upload(desk, weekly, data)
        assert self.check(desk, drain, email=0, state=1).context["job"].state in ("ready", "faulty")

    def test_an_unexpected_error_is_no_endless_waiting(self, desk, weekly, drain, monkeypatch):
        self.upload(desk, weekly, b"email\nann@example.com\n")
        monkeypatch.delattr(importing, "outcomes")
        page = self.check(desk, drain, email=0)
        assert page.context["job"].state == "faulty"
        assert "An unexpected error stopped the import" in page.text

    def test_a_row_of_countless_columns_makes_no_endless_page(self, desk, weekly):
        page = self.upload(desk, weekly, b"email" + b"," * 100_000 + b"\nann@example.com\n")
        assert len(page.content) < 200_000

    def test_a_huge_file_is_refused(self, desk, weekly, monkeypatch):
        monkeypatch.setattr("newsletters.admin.forms.LARGEST_UPLOAD", 10)
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
        take_in, calls = importing.take_in, []

        def dies(*args, **kwargs):
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return take_in(*args, **kwargs)

        monkeypatch.setattr(importing, "take_in", dies)
        with pytest.raises(KeyboardInterrupt):
            importing.go_on(job)
        job.refresh_from_db()
        assert (job.state, job.position, job.counts) == ("running", 1000, {"new": 1000})

        importing.go_on(job)
        job.refresh_from_db()
        assert (job.state, job.counts) == ("done", {"new": 2500})
        assert Subscription.objects.count() == 2500

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
        assert (job.state, len(job.faults)) == ("faulty", SHOWN_PROBLEMS)
        assert bytes(job.problem_file).count(b"bad@") >= 3000

    @pytest.mark.full
    def test_a_hundred_thousand_in_bounded_memory_with_progress(self, weekly, monkeypatch):
        job = self.turn(self.job(weekly, 100_000), "checking")
        take_in, seen = importing.take_in, []

        def watched(*args):
            seen.append(SubscriberImport.objects.values_list("position", flat=True).get(pk=job.pk))
            return take_in(*args)

        monkeypatch.setattr(importing, "take_in", watched)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        importing.go_on(job)
        job.refresh_from_db()
        assert importing.start_import(job)
        importing.go_on(job)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert Subscription.objects.confirmed().count() == 100_000
        assert seen == list(range(0, 100_000, 1000))
        assert grown < 100_000  # kilobytes; all rows at once take several times as much


def test_a_file_that_nobody_decided_about_is_forgotten(weekly):
    for days in (1, 8):
        begun = timezone.now() - timedelta(days=days)
        SubscriberImport.objects.create(newsletter=weekly, created_at=begun, state="ready")
    periodic.forget_unfinished_imports()
    assert SubscriberImport.objects.get().created_at > timezone.now() - timedelta(days=7)
