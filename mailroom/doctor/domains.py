"""SPF, DKIM and DMARC of each domain that mail is sent from."""

from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial

from checkdmarc.dmarc import DMARCError, parse_dmarc_record
from checkdmarc.spf import SPFError, parse_spf_record
from checkdmarc.utils import get_base_domain
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings

from mailroom.addresses import domain_of
from mailroom.config.channels import channel_options, channels, providers_of
from mailroom.doctor.findings import (
    LONGEST_SECONDS,
    Finding,
    Judgement,
    Means,
    Status,
    examination,
    start_together,
)
from mailroom.doctor.lookups import CouldNotAskError, Names

MOST_LOOKUPS = 10  # RFC 7208 section 4.6.4
# What no resolver of the world will ever know.
LOCAL = (".localdomain", ".local", ".test", ".example", ".invalid", ".localhost")


@examination("domains", asks_outside=True)
def domains(means: Means) -> Iterator[Finding]:
    """SPF, DKIM, DMARC and alignment of each From, and who takes email for answers and bounces."""
    names = Names(means)
    senders = sorted(_domains())
    calls = {one: partial(_examined, one, names, means) for one in senders}
    running = start_together(calls, LONGEST_SECONDS - 1)
    for domain in senders:
        late = Finding("domains", domain, Status.SKIPPED, "could not be asked: no answer in time")
        yield from running.result(domain, [late])
    for address, policy_words in _mailboxes().items():
        domain = domain_of(address)
        if _is_public(domain, means):
            status, words = _or_skipped(partial(_mailbox, policy_words), domain, names)
            yield Finding("mailboxes", address, status, words)


def _is_public(domain: str, means: Means) -> bool:
    return "." in domain and (bool(means.nameservers) or not domain.endswith(LOCAL))


def _examined(domain: str, names: Names, means: Means) -> list[Finding]:
    if not _is_public(domain, means):
        return [Finding("domains", domain, Status.SKIPPED, "no public domain")]
    looks = {"SPF": spf, "DKIM": dkim, "DMARC": dmarc, "alignment": alignment}
    return [
        Finding("domains", f"{label} {domain}", *_or_skipped(look, domain, names))
        for label, look in looks.items()
    ]


def _or_skipped(look: Callable[[str, Names], Judgement], domain: str, names: Names) -> Judgement:
    try:
        return look(domain, names)
    except CouldNotAskError as error:
        return Status.SKIPPED, f"could not be asked: {error}"
    except Exception as error:  # noqa: BLE001  (a record may be anything)
        return Status.FAILED, f"could not be examined: {error!r}"


def _mailboxes() -> dict[str, str]:
    """The addresses that others write to, and what is lost where nobody takes it."""
    found = {one: "answers" for channel in channels() for one in channel_options(channel).reply_to}
    if settings.MAIL_BOUNCE_ADDRESS:
        found[settings.MAIL_BOUNCE_ADDRESS] = "bounces"
    if settings.UNSUBSCRIBE_MAILBOX:
        found[settings.UNSUBSCRIBE_MAILBOX] = "requests to unsubscribe"
    return found


def _mailbox(lost: str, domain: str, names: Names) -> Judgement:
    if names.takes_email(domain):
        return Status.OK, f"{domain} takes email"
    return Status.FAILED, f"{domain} has no MX record and no address: {lost} are lost"


def _domains() -> set[str]:
    """The domains of every From: a channel's, or that of a provider which has its own."""
    senders = [channel_options(channel).from_email for channel in channels()]
    for channel in channels():
        senders += [settings.MAILER_SENDERS.get(alias, "") for alias in providers_of(channel)]
    found = {domain_of(sender) for sender in senders}
    return {domain.encode("idna").decode() for domain in found if domain}


def spf(domain: str, names: Names) -> Judgement:
    """RFC 7208: one record, at most ten look-ups, an end that excludes the rest of the world."""
    records = _spf_records(domain, names)
    if not records:
        return Status.FAILED, "there is no record v=spf1: say which servers may send"
    if len(records) > 1:
        return Status.FAILED, f"there are {len(records)} records, so that none counts: join them"
    record = "v=spf1" + records[0][6:]  # the case of which does not matter (section 12)
    terms = record.lower().split()[1:]
    ends = [term for term in terms if term.endswith("all") and len(term) < 5]
    if set(ends) & {"+all", "all"}:
        return Status.FAILED, "it has +all, which lets everybody send in your name"
    if open_one := _lets_everybody(terms, names):
        return Status.FAILED, f"it includes {open_one}, which lets everybody send in your name"
    try:
        parsed = parse_spf_record(record, domain, **names.for_checkdmarc)
    except SPFError as error:
        return Status.FAILED, " ".join(str(error).split())
    if terms in (["-all"], ["~all"]):
        return Status.FAILED, f"it has {terms[0]} alone: it says that no one sends as {domain}"
    if not set(ends) & {"-all", "~all"} and not any(one.startswith("redirect=") for one in terms):
        return Status.WARNING, "it does not end in -all or ~all: it excludes no senders"
    if parsed["warnings"]:
        return Status.WARNING, " ".join("; ".join(parsed["warnings"]).split())
    return Status.OK, f"{parsed['dns_lookups']} of {MOST_LOOKUPS} look-ups"


def _spf_records(domain: str, names: Names) -> list[str]:
    found = names.txt(domain)
    return [
        text for text in found if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")
    ]


def _lets_everybody(terms: list[str], names: Names) -> str:
    included = [term.lstrip("+")[8:] for term in terms if term.lstrip("+").startswith("include:")]
    asked = [one for one in included if "%" not in one][:MOST_LOOKUPS]
    for one in asked:
        if {"all", "+all"} & set(" ".join(_spf_records(one, names)).lower().split()):
            return one
    return ""


def dkim(domain: str, names: Names) -> Judgement:
    """RFC 6376 section 3.6.1: a key at the selector that the provider signs with."""
    selectors: list[str] = settings.DKIM_SELECTORS
    if not selectors:
        return Status.SKIPPED, "which selector? Name it in DKIM_SELECTORS"
    found = [
        (selector, *_key(selector, text))
        for selector in selectors
        for text in names.txt(f"{selector}._domainkey.{domain}")
    ]
    good = [(status, words) for _, status, words in found if status is not Status.FAILED]
    if good:
        return min(good)
    if found:
        return Status.FAILED, found[0][2]
    return Status.FAILED, f"no key at {', '.join(selectors)}: mail is not signed as {domain}"


def _key(selector: str, text: str) -> Judgement:
    tags = _tags(text)
    version, kind = tags.get("v", "DKIM1"), tags.get("k", "rsa").lower()
    if version != "DKIM1" or "p" not in tags:
        return Status.FAILED, f"{selector} is not a key: it needs v=DKIM1 and p="
    if not tags["p"]:
        return Status.FAILED, f"the key of {selector} is revoked: p= is empty"
    if "sha256" not in tags.get("h", "sha256").lower().split(":"):
        return Status.FAILED, f"the key of {selector} does not allow sha256 (h=)"
    try:
        data = b64decode("".join(tags["p"].split()), validate=True)
        if kind == "ed25519":
            Ed25519PublicKey.from_public_bytes(data)
            bits = 2048  # as strong as more
        elif kind == "rsa":
            bits = getattr(load_der_public_key(data), "key_size", 0)
        else:
            return Status.FAILED, f"the key of {selector} is of an unknown kind, k={kind}"
    except (ValueError, UnsupportedAlgorithm):
        return Status.FAILED, f"the key of {selector} is broken: copy it once more, without gaps"
    if bits < 1024:
        return Status.FAILED, f"the key of {selector} has {bits} bits: receivers ignore it"
    if "y" in tags.get("t", "").lower().split(":"):
        return Status.WARNING, f"{selector} is in test mode (t=y): receivers treat it as unsigned"
    if bits < 2048:
        return Status.WARNING, f"the key of {selector} has {bits} bits: use 2048"
    return Status.OK, f"{selector} has a key; signed so, mail is aligned with From"


def alignment(domain: str, names: Names) -> Judgement:
    """DMARC passes where DKIM or the envelope sender is of From's domain: RFC 7489 section 3.1."""
    is_signed = bool(settings.DKIM_SELECTORS) and dkim(domain, names)[0] is not Status.FAILED
    envelope = domain_of(settings.MAIL_BOUNCE_ADDRESS) or domain
    strict = any(_tags(text).get("aspf") == "s" for text in _dmarc_records(domain, names)[1])
    is_aligned = envelope == domain or (
        not strict and get_base_domain(envelope) == get_base_domain(domain)
    )
    if is_aligned:
        return Status.OK, "the envelope sender is aligned with From"
    if is_signed:
        words = f"the envelope sender {envelope} is not aligned: DMARC depends on DKIM alone"
        return Status.WARNING, words
    return Status.FAILED, f"neither DKIM nor the envelope sender {envelope} is aligned with From"


def dmarc(domain: str, names: Names) -> Judgement:
    """RFC 7489 section 6.6.3: the domain's own policy, else that of a domain above it."""
    owner, records = _dmarc_records(domain, names)
    if len(records) > 1:
        return Status.FAILED, f"_dmarc.{owner} has {len(records)} records, so that none counts"
    if not records:
        return Status.FAILED, f"there is no record at _dmarc.{domain}: bulk senders need one"
    status, words = _policy(_tags(records[0]), owner, domain)
    if status is Status.FAILED:
        return status, words
    try:
        parsed = parse_dmarc_record(records[0], owner, **names.for_checkdmarc)
    except DMARCError as error:
        return Status.FAILED, " ".join(str(error).split())
    if parsed["warnings"]:
        return Status.WARNING, " ".join("; ".join(parsed["warnings"]).split())
    return status, words


def _dmarc_records(domain: str, names: Names) -> tuple[str, list[str]]:
    for owner in _above(domain):
        records = [text for text in names.txt(f"_dmarc.{owner}") if text.startswith("v=DMARC1")]
        if records:
            return owner, records
    return domain, []


def _policy(tags: dict[str, str], owner: str, domain: str) -> Judgement:
    policy = tags.get("p", "") if owner == domain else tags.get("sp", tags.get("p", ""))
    if policy not in {"none", "quarantine", "reject"}:
        return Status.FAILED, f"_dmarc.{owner} has no policy p=none, quarantine or reject"
    strict = [name for name in ("adkim", "aspf") if tags.get(name) == "s"]
    policy_words = f"p={policy} at {owner}"
    if strict:
        policy_words += f", strict ({', '.join(strict)}): signed and bounced by {domain} itself"
    if policy == "none":
        policy_words += "; email that others send in your name still arrives"
    return Status.OK, policy_words


def _above(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
