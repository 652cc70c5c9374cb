"""Many values as one parameter, and the rows of an UPDATE."""

import pytest
from django.db.models import F

from mailroom.models import Delivery
from mailroom.models.queries import update_returning
from tests.mailroom.conftest import queue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_memory")]


def test_it_finds_numbers_and_texts_and_nothing_among_none():
    one, _other = queue()[0], queue(to=["o'brien@example.com"])[0]

    assert list(Delivery.objects.filter(pk__any_of=[one.pk, 0])) == [one]
    assert Delivery.objects.filter(address__any_of={"o'brien@example.com": 1, '"é': 2}).count() == 1
    assert Delivery.objects.filter(pk__any_of=[]).count() == 0
    assert Delivery.objects.filter(pk__any_of=[]).update(error="x") == 0


def test_an_update_returns_the_rows_that_it_changed():
    one, other = queue()[0], queue(to=["bob@example.com"])[0]
    rows = Delivery.objects.filter(pk__any_of=[one.pk, other.pk], address="bob@example.com")

    assert update_returning(rows, error="x", attempts=F("attempts") + 1) == [other.pk]
    other.refresh_from_db()
    assert (other.error, other.attempts) == ("x", 1)
    assert update_returning(Delivery.objects.filter(pk__any_of=[]), error="y") == []
