"""Asking the domain name system, with an answer for "could not be asked"."""

from contextlib import suppress
from typing import Any

import dns.exception
import dns.resolver
from checkdmarc.utils import DNS_CACHE
from dns.nameserver import Do53Nameserver

from mailroom.doctor.findings import Means

RESOLV_CONF = "/etc/resolv.conf"


class CouldNotAskError(Exception):
    """No name server answered: nothing is known, neither good nor bad."""


class Names:
    """Records by name and kind, each looked up once."""

    def __init__(self, means: Means) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        if not means.nameservers:
            with suppress(dns.resolver.NoResolverConfiguration):  # then nobody can be asked
                self._resolver.read_resolv_conf(RESOLV_CONF)
        self._resolver.lifetime = means.timeout
        if means.nameservers:
            hosts = [place.partition(":") for place in means.nameservers]
            self._resolver.nameservers = [host for host, _, _ in hosts]
            self._resolver.port = int(hosts[0][2] or 53)
        self._known: dict[tuple[str, str], list[Any]] = {}
        self._silence = ""
        DNS_CACHE.clear()  # checkdmarc's: it would outlive a correction

    @property
    def for_checkdmarc(self) -> dict[str, Any]:
        """The arguments by which checkdmarc asks the same servers, as long."""
        port = self._resolver.port
        servers = [Do53Nameserver(str(host), port) for host in self._resolver.nameservers]
        return {"nameservers": servers, "timeout": min(2.0, self._resolver.lifetime)}

    def txt(self, name: str) -> list[str]:
        """The TXT records of a name, their strings joined; none where there is no such name.

        Raises CouldNotAskError.
        """
        found = self._ask(name, "TXT")
        return [b"".join(row.strings).decode("utf-8", "replace") for row in found]

    def takes_email(self, domain: str) -> bool:
        """True where a server is named for email to a domain: RFC 5321 section 5.1, RFC 7505."""
        if exchanges := self._ask(domain, "MX"):
            return any(row.exchange.to_text() != "." for row in exchanges)
        return bool(self._ask(domain, "A") or self._ask(domain, "AAAA"))

    def _ask(self, name: str, kind: str) -> list[Any]:
        if self._silence:  # one silence is enough to wait for
            raise CouldNotAskError(self._silence)
        if (name, kind) not in self._known:
            try:
                self._known[name, kind] = list(self._resolver.resolve(name, kind))
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                self._known[name, kind] = []
            except dns.exception.Timeout as error:
                self._silence = f"{name}: {type(error).__name__}"
                raise CouldNotAskError(self._silence) from error
            except dns.exception.DNSException as error:
                raise CouldNotAskError(f"{name}: {type(error).__name__}") from error
        return self._known[name, kind]
