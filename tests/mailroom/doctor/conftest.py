import pytest

from tests.mailroom.fakes.names import DNSServer

KEY = (  # RSA, 2048 bits
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmYuek0wQwEDpdAXdd0qcpfMX6isY39/k+onf"
    "FQ2Abj1UkskIsXJps/hG8mPmA76PY53m5ad/9/J3eWm3FWlKlwKhu+z2TJ/oqGz8qqS/Xa6G0PYpP4io"
    "CbyHwBC3go200aOBji0bVHIYytE2pI+3iEIUrERIvamJDDpH7a/jPj9qijiPUlignP6ucStGYWWHcRfb"
    "FAzOd67S57kuRyksw5WqHUrTo7CbSr5ImAcE9ztGn+wYD5sluEzyM6NH2PnTSYMglt2mw9fZ4j4Jwpqt"
    "ZfUwsfehPePMbPRqIx6hB0bzH9tYqCrw0GN1GGol89pgiJVH4fVrpD/Fbk0ZeqHgAwIDAQAB"
)
GOOD = {
    "mailroom.test": ["v=spf1 include:_spf.provider.test ip4:192.0.2.1 -all", "site=1"],
    "_spf.provider.test": ["v=spf1 ip4:198.51.100.0/24 ~all"],
    "s1._domainkey.mailroom.test": [f"v=DKIM1; k=rsa; p={KEY}"],
    "_dmarc.mailroom.test": ["v=DMARC1; p=quarantine; rua=mailto:d@mailroom.test"],
    "MX mailroom.test": ["10 mx.mailroom.test."],
    "A mx.mailroom.test": ["192.0.2.1"],
}


@pytest.fixture
def names(settings):
    settings.DKIM_SELECTORS = ["s1"]
    with DNSServer(dict(GOOD)) as server:
        yield server
