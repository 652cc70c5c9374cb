"""Where a mail account may connect to: public addresses, and a few ports.

Whoever fills in an account chooses a host that this site connects to. It must not reach the site's
own network by that (server-side request forgery), whatever the host is called and whatever its
name resolves to later: the addresses are checked when the account is saved and again at each
connection, which then goes to the address that was checked.
"""

import ipaddress
import re
import socket
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured

PORTS = (25, 465, 587, 2525)
ADDRESSES_TRIED = 3
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

HOST_NAME = re.compile(r"(?!-)[\w-]{1,63}(?<!-)(?:\.(?!-)[\w-]{1,63}(?<!-))*\.?")
METADATA = {ipaddress.ip_address("168.63.129.16")}  # Azure's, which looks public
# IPv6 addresses that stand for an IPv4 address, and the bits behind that address.
EMBEDDED = {
    ipaddress.IPv6Network("::/96"): 0,  # IPv4-compatible (RFC 4291 section 2.5.5.1)
    ipaddress.IPv6Network("::ffff:0:0/96"): 0,  # IPv4-mapped (section 2.5.5.2)
    ipaddress.IPv6Network("::ffff:0:0:0/96"): 0,  # IPv4-translated (RFC 2765)
    ipaddress.IPv6Network("64:ff9b::/96"): 0,  # NAT64 (RFC 6052)
    ipaddress.IPv6Network("2002::/16"): 80,  # 6to4 (RFC 3056)
}
# Not everywhere known to `ipaddress`.
NEVER: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = [
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # NAT64 of the local network (RFC 8215)
    ipaddress.IPv6Network("2001::/23"),  # protocols, among them Teredo (RFC 2928, RFC 4380)
    ipaddress.IPv6Network("2620:4f:8000::/48"),  # AS112 (RFC 7534)
    ipaddress.IPv6Network("3fff::/20"),  # documentation (RFC 9637)
    ipaddress.IPv6Network("5f00::/16"),  # segment routing (RFC 9602)
    ipaddress.IPv6Network("fec0::/10"),  # site-local (RFC 3879)
    ipaddress.IPv4Network("192.31.196.0/24"),  # AS112 (RFC 7535)
    ipaddress.IPv4Network("192.52.193.0/24"),  # AMT (RFC 7450)
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4 (RFC 7526)
    ipaddress.IPv4Network("192.175.48.0/24"),  # AS112 (RFC 7534)
]
ISATAP = {0x00005EFE, 0x02005EFE}  # RFC 5214 section 6.1: the IPv4 address is behind it


class AddressRefused(OSError):  # noqa: N818  (reads as what happened)
    """A host or port that a mail account must not connect to. Its text names no address."""


def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
    """Resolve a host once, as `socket.getaddrinfo` does, and check every address of it.

    Raises AddressRefused where one of them is not public, or the port is not one for email; OSError
    where the name can't be resolved.
    """
    name = host.strip().rstrip(".").lower()
    is_loopback_meant = name in loopback_hosts()
    if not HOST_NAME.fullmatch(name) and not is_ip(name):
        raise AddressRefused("The host is not the name of a mail server.")
    if port not in PORTS and not is_loopback_meant:
        raise AddressRefused(f"The port must be one of {', '.join(map(str, PORTS))}.")
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OSError("The host's name can't be resolved.") from None
    if not found:
        raise OSError("The host's name has no address.")
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not (is_loopback_meant and address.is_loopback) and not is_public(address):
            raise AddressRefused("The host is not a public mail server.")
    return list(found)


def is_public(address: IPAddress) -> bool:
    """True for an address of the public internet, also where it stands for an IPv4 address."""
    if any(address in network for network in NEVER):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if any(not is_public(embedded) for embedded in _embedded(address)):
            return False
        if any(address in network for network in EMBEDDED):
            return True  # the embedded address was the question
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and address not in METADATA
    )


def _embedded(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    for network, behind in EMBEDDED.items():
        if address in network:
            yield ipaddress.IPv4Address(int(address) >> behind & 0xFFFFFFFF)
    if int(address) >> 32 & 0xFFFFFFFF in ISATAP:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def is_ip(text: str) -> bool:
    """True for an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def connect_to_host(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to a checked address of a host: its name is not resolved again for that.

    timeout: seconds for each address. Raises AddressRefused, and OSError that tells nothing about
    the network but that no server answered.
    """
    found = resolve(host, port)
    for family, kind, protocol, _name, place in found[:ADDRESSES_TRIED]:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(timeout)
        try:
            sock.connect(place)
        except OSError:
            sock.close()
            continue
        return sock
    raise OSError("The mail server can't be reached.")


# -- Two settings for development and tests ---------------------------------------------------


def is_development() -> bool:
    """True with DEBUG, and where Django's test runner or pytest-django has set up the mail."""
    return bool(settings.DEBUG) or hasattr(mail, "outbox")


def loopback_hosts() -> set[str]:
    """MAIL_ACCOUNT_LOOPBACK_HOSTS: names (or addresses) that may be at loopback, at any port."""
    return {str(name).lower() for name in _only_in_development("MAIL_ACCOUNT_LOOPBACK_HOSTS")}


def sandbox_urls() -> dict[str, str]:
    """MAIL_ACCOUNT_API_URLS: by kind of account, where its API is played on this machine."""
    return dict(_only_in_development("MAIL_ACCOUNT_API_URLS"))


def _only_in_development(name: str) -> Any:
    """The value of a setting. Raises ImproperlyConfigured where a real site has it."""
    value = getattr(settings, name, None) or ()
    if value and not is_development():
        raise ImproperlyConfigured(f"{name} is for development only: remove it, or set DEBUG.")
    return value
