"""What the world's name servers say of the domains that mail is sent from."""

import pytest

from mailroom.doctor import domains
from mailroom.doctor.findings import Means, Status
from mailroom.doctor.lookups import Names
from tests.mailroom.fakes.names import DNSServer


class TestDomains:
    def look(self, names: DNSServer, label: str, **records: list[str] | None) -> tuple[Status, str]:
        where = {"spf": "mailroom.test", "dkim": "s1._domainkey.mailroom.test"}
        where["dmarc"] = "_dmarc.mailroom.test"
        for name, texts in records.items():
            names.records[where[name]] = texts
        asked = Names(Means((names.place,), timeout=2))
        return getattr(domains, label)("mailroom.test", asked)

    @pytest.mark.parametrize("label", ["spf", "dkim", "dmarc"])
    def test_all_right(self, names, label):
        assert self.look(names, label)[0] is Status.OK

    @pytest.mark.parametrize(
        ("record", "words"),
        [
            ([], "no record"),
            (["v=spf1 -all", "v=spf1 mx -all"], "2 records"),
            (["v=spf1 +all"], "everybody"),
            (["v=spf1 " + "a:mx.mailroom.test " * 11 + "-all"], "11/10"),
            (["v=spf1 include:mailroom.test -all"], "loop"),
            (["v=spf1 mx include:nobody.test -all"], "nobody.test has no SPF record"),
        ],
    )
    def test_spf_faults(self, names, record, words):
        status, told = self.look(names, "spf", spf=record)
        assert status is Status.FAILED
        assert words in told

    def test_spf_counts_what_is_included(self, names):
        names.records["_spf.provider.test"] = [
            "v=spf1 a:mx.mailroom.test mx:mailroom.test exists:%{i}.x.test ip6:::1 ~all"
        ]
        assert "4 of 10" in self.look(names, "spf")[1]

    def test_spf_that_excludes_nobody_is_a_warning(self, names):
        assert self.look(names, "spf", spf=["v=spf1 mx"])[0] is Status.WARNING

    @pytest.mark.parametrize("record", [None, ["v=DKIM1; p="], ["something else"]])
    def test_dkim_faults(self, names, record):
        if record is None:
            del names.records["s1._domainkey.mailroom.test"]
            assert self.look(names, "dkim")[0] is Status.FAILED
        else:
            assert self.look(names, "dkim", dkim=record)[0] is Status.FAILED

    def test_dkim_without_a_selector_is_skipped(self, names, settings):
        settings.DKIM_SELECTORS = []
        assert self.look(names, "dkim")[0] is Status.SKIPPED

    @pytest.mark.parametrize("record", [[], ["v=DMARC1"], ["v=DMARC1; p=none"] * 2])
    def test_dmarc_faults(self, names, record):
        if len(record) == 2:
            record = [record[0], "v=DMARC1; p=reject"]
        assert self.look(names, "dmarc", dmarc=record)[0] is Status.FAILED

    def test_dmarc_of_a_domain_above_counts(self, names):
        asked = Names(Means((names.place,), timeout=2))
        assert domains.dmarc("news.mailroom.test", asked)[0] is Status.OK

    def test_what_could_not_be_asked_is_skipped(self, names, carry_by):
        carry_by("smtp://127.0.0.1")
        names.silent = True
        found = list(domains.domains(Means((names.place,), timeout=0.3)))
        assert {one.status for one in found} == {Status.SKIPPED}


def test_where_no_resolver_is_configured_all_is_skipped(settings, monkeypatch):
    settings.DKIM_SELECTORS = ["s1"]
    monkeypatch.setattr("mailroom.doctor.lookups.RESOLV_CONF", "/nowhere/resolv.conf")
    monkeypatch.setattr(domains, "_domains", lambda: {"mailroom.com"})
    assert {one.status for one in domains.domains(Means(timeout=1))} == {Status.SKIPPED}
