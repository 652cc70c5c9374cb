"""SPF, DKIM and DMARC of each domain that mail is sent from."""

from collections.abc import Callable, Iterator

from django.conf import settings

from mailroom.addresses import address_key
from mailroom.config.channels import channel_options, channels
from mailroom.config.channels import providers as providers_of
from mailroom.doctor.findings import Finding, Means, Status, examination
from mailroom.doctor.lookups import CouldNotAskError, Names

Verdict = tuple[Status, str]

MOST_LOOKUPS = 10  # RFC 7208 section 4.6.4
# What no resolver of the world will ever know.
LOCAL = (".localdomain", ".local", ".test", ".example", ".invalid", ".localhost")


@examination("domains")
def domains(means: Means) -> Iterator[Finding]:
    names = Names(means)
    for domain in sorted(_domains()):
        if "." not in domain or (domain.endswith(LOCAL) and not means.nameservers):
            yield Finding("domains", domain, Status.SKIPPED, "no public domain")
            continue
        for label, look in (("SPF", spf), ("DKIM", dkim), ("DMARC", dmarc)):
            status, words = _or_skipped(look, domain, names)
            yield Finding("domains", f"{label} {domain}", status, words)


def _or_skipped(look: Callable[[str, Names], Verdict], domain: str, names: Names) -> Verdict:
    try:
        return look(domain, names)
    except CouldNotAskError as error:
        return Status.SKIPPED, f"could not be asked: {error}"


def _domains() -> set[str]:
    """The domains of every From: a channel's, or that of a provider which has its own."""
    senders = [channel_options(channel).from_email for channel in channels()]
    for channel in channels():
        senders += [settings.MAILER_SENDERS.get(alias, "") for alias in providers_of(channel)]
    found = {address_key(sender).rpartition("@")[2] for sender in senders}
    return {domain.encode("idna").decode() for domain in found if domain}


def spf(domain: str, names: Names) -> Verdict:
    """RFC 7208: one record, at most ten look-ups, an end that excludes the rest of the world."""
    records = _spf_records(domain, names)
    if not records:
        return Status.FAILED, "there is no record v=spf1: say which servers may send"
    if len(records) > 1:
        return Status.FAILED, f"there are {len(records)} records, so that none counts: join them"
    if missing := _without_record(records[0], names):
        return Status.FAILED, f"it includes {missing}, which has no record: SPF then fails always"
    count = lookups(domain, names)
    if count > MOST_LOOKUPS:
        return Status.FAILED, f"{count} look-ups, {MOST_LOOKUPS} are allowed: SPF then fails always"
    last = records[0].split()[-1].lower()
    if last in {"+all", "all"}:
        return Status.FAILED, "it ends in +all, which lets everybody send in your name"
    if last not in {"-all", "~all"} and not last.startswith("redirect="):
        return Status.WARNING, "it does not end in -all or ~all: it excludes nobody"
    return Status.OK, f"{count} of {MOST_LOOKUPS} look-ups"


def _spf_records(domain: str, names: Names) -> list[str]:
    found = names.txt(domain)
    return [
        text for text in found if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")
    ]


def _without_record(record: str, names: Names) -> str:
    """The first domain that it includes in vain: a permanent error, RFC 7208 section 5.2."""
    terms = (term.lstrip("+-~?").lower() for term in record.split()[1:])
    included = [term[8:] for term in terms if term.startswith("include:") and "%" not in term]
    asked = included[:MOST_LOOKUPS]
    return next((one for one in asked if not _spf_records(one, names)), "")


def lookups(domain: str, names: Names, seen: tuple[str, ...] = ()) -> int:
    """How many look-ups evaluating a domain's SPF costs, those of included records too.

    Raises CouldNotAskError. A record that includes itself costs more than is allowed.
    """
    if domain in seen:
        return MOST_LOOKUPS + 1
    total = 0
    for term in " ".join(_spf_records(domain, names)[:1]).lower().split()[1:]:
        bare = term.lstrip("+-~?")
        name = bare.partition("/")[0]
        if not _is_ask(name):
            continue
        total += 1
        target = name.partition(":")[2] if name.startswith("include:") else ""
        target = name.partition("=")[2] if name.startswith("redirect=") else target
        if target and total <= MOST_LOOKUPS:
            total += lookups(target, names, (*seen, domain))
    return total


def _is_ask(term: str) -> bool:
    """True for a mechanism that is a look-up; `all`, `ip4:` and `ip6:` are none."""
    if term.startswith(("include:", "exists:", "redirect=")):
        return True
    return term.partition(":")[0] in {"a", "mx", "ptr"}


def dkim(domain: str, names: Names) -> Verdict:
    """RFC 6376 section 3.6.1: a key at the selector that the provider signs with."""
    selectors: list[str] = settings.DKIM_SELECTORS
    if not selectors:
        return Status.SKIPPED, "which selector? Name it in DKIM_SELECTORS"
    for selector in selectors:
        for text in names.txt(f"{selector}._domainkey.{domain}"):
            tags = _tags(text)
            if tags.get("p"):
                return Status.OK, f"{selector} has a key; signed so, mail is aligned with From"
            if "p" in tags:
                return Status.FAILED, f"the key of {selector} is revoked: p= is empty"
    return Status.FAILED, f"no key at {', '.join(selectors)}: mail is not signed as {domain}"


def dmarc(domain: str, names: Names) -> Verdict:
    """RFC 7489 section 6.6.3: the domain's own policy, else that of a domain above it."""
    for owner in _above(domain):
        records = [text for text in names.txt(f"_dmarc.{owner}") if text.startswith("v=DMARC1")]
        if len(records) > 1:
            return Status.FAILED, f"_dmarc.{owner} has {len(records)} records, so that none counts"
        if records:
            return _policy(_tags(records[0]), owner, domain)
    return Status.FAILED, f"there is no record at _dmarc.{domain}: bulk senders need one"


def _policy(tags: dict[str, str], owner: str, domain: str) -> Verdict:
    policy = tags.get("p", "") if owner == domain else tags.get("sp", tags.get("p", ""))
    if policy not in {"none", "quarantine", "reject"}:
        return Status.FAILED, f"_dmarc.{owner} has no policy p=none, quarantine or reject"
    strict = [name for name in ("adkim", "aspf") if tags.get(name) == "s"]
    told = f"p={policy} at {owner}"
    if strict:
        told += f", strict ({', '.join(strict)}): signed and bounced by {domain} itself"
    if policy == "none":
        told += "; mail in your name by others still arrives"
    return Status.OK, told


def _above(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
