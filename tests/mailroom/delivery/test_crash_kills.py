"""The contract of the outbox while workers are killed, stopped, or slow. See crashing/."""

from tests.mailroom.crash import IS_POSTGRES, at, crash, kills_at

WINDOW = 100


@kills_at((200, 2), full=(20_000, 40) if IS_POSTGRES else (5_000, 20))
def test_a_newsletter_loses_and_doubles_nothing(recipients, kills):
    found = crash("bulk", recipients=recipients, kills=kills)

    assert found.faults == []
    assert (found.kills, found.lost, found.doubled) == (kills, 0, 0)
    assert found.uncertain == len(found.uncertain_addresses) <= kills * WINDOW
    assert found.states.get("sent", 0) + found.uncertain == recipients


@kills_at((900, 2), full=(9_000, 20))
def test_newsletters_of_three_mail_accounts_lose_and_double_nothing(recipients, kills):
    found = crash("accounts", recipients=recipients, kills=kills)

    assert found.faults == []
    assert (found.kills, found.lost, found.doubled) == (kills, 0, 0)
    assert found.uncertain <= kills * 3 * WINDOW


@kills_at((100, 2), full=(2_000, 40))
def test_resets_all_arrive_and_few_twice(recipients, kills):
    found = crash("transactional", recipients=recipients, kills=kills)

    assert found.faults == []
    assert (found.kills, found.lost, found.pairs) == (kills, 0, 0)
    assert found.doubled <= kills * WINDOW
    assert found.states == {"sent": recipients}


@at(200, full=5_000)
def test_who_is_asked_to_stop_stops_and_holds_nothing(recipients):
    found = crash("sigterm", recipients=recipients)

    assert found.faults == []
    assert found.measures["leases not given back"] == 0
    assert found.states == {"sent": recipients}
    assert found.doubled == 0


def test_a_send_longer_than_its_lease_happens_once():
    found = crash("shortlease")

    assert found.faults == []
    assert (found.states, found.doubled) == ({"sent": 4}, 0)
