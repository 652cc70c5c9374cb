import pytest

from tests.mailroom.fakes.names import DNSServer

GOOD = {
    "mailroom.test": ["v=spf1 include:_spf.provider.test ip4:192.0.2.1 -all", "site=1"],
    "_spf.provider.test": ["v=spf1 ip4:198.51.100.0/24 ~all"],
    "s1._domainkey.mailroom.test": ["v=DKIM1; k=rsa; p=MIGfMA0GCSqG"],
    "_dmarc.mailroom.test": ["v=DMARC1; p=quarantine; rua=mailto:d@mailroom.test"],
}


@pytest.fixture
def names(settings):
    settings.DKIM_SELECTORS = ["s1"]
    with DNSServer(dict(GOOD)) as server:
        yield server
