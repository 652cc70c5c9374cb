"""Asking the domain name system, with an answer for "could not be asked"."""

from contextlib import suppress

import dns.exception
import dns.resolver

from mailroom.doctor.findings import Means

RESOLV_CONF = "/etc/resolv.conf"


class CouldNotAskError(Exception):
    """No name server answered: nothing is known, neither good nor bad."""


class Names:
    """TXT records by name, each looked up once."""

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
        self._known: dict[str, list[str]] = {}

    def txt(self, name: str) -> list[str]:
        """The TXT records of a name, their strings joined; none where there is no such name.

        Raises CouldNotAskError.
        """
        if name not in self._known:
            self._known[name] = self._ask(name)
        return self._known[name]

    def _ask(self, name: str) -> list[str]:
        try:
            answer = self._resolver.resolve(name, "TXT")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise CouldNotAskError(f"{name}: {type(error).__name__}") from error
        return [b"".join(row.strings).decode("utf-8", "replace") for row in answer]
