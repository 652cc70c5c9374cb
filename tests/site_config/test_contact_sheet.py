"""`bin/contact-sheet` forgets no page and no mail. The pictures themselves are taken by hand."""

from collections.abc import Iterator

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from sandbox.inbox import previews
from tests.contact_sheet.pages import NOTHING_TO_SEE, SHOTS
from tests.site_config import urls  # with the development inbox, as the demo has it


def names_in(resolver: URLResolver, space: str = "") -> Iterator[str]:
    """The names of all addresses that take no arguments."""
    for one in resolver.url_patterns:
        if one.pattern.regex.groups or one.pattern.converters:
            continue
        if isinstance(one, URLPattern):
            if one.name:
                yield space + one.name
        else:
            yield from names_in(one, f"{space}{one.namespace}:" if one.namespace else space)


def test_every_page_is_looked_at_or_has_its_reason() -> None:
    site = set(names_in(get_resolver(urls.__name__)))
    assert {"home", "sandbox:inbox", "admin:newsletters_issue_add"} <= site

    looked_at = {shot.view for shot in SHOTS}

    assert site - looked_at - NOTHING_TO_SEE.keys() == set()
    named = {view for view in looked_at if ":" in view} | NOTHING_TO_SEE.keys()
    assert named - site == set(), "gone from the site"
    assert NOTHING_TO_SEE.keys() & looked_at == set()


def test_every_type_of_mail_is_looked_at() -> None:
    assert set(previews()) == set(settings.MESSAGE_TYPES)


def test_no_two_pictures_overwrite_each_other() -> None:
    names = [(shot.group, shot.name) for shot in SHOTS]
    assert len(set(names)) == len(names)
