"""The outbox while what stands around it fails: database, web, broker. See crashing/."""

import pytest

from tests.mailroom.crash import IS_POSTGRES, at, crash, kills_at


@pytest.mark.postgres
@pytest.mark.skipif(IS_POSTGRES, reason="has a server of its own: once is enough")
@kills_at((200, 1), full=(5_000, 10))
def test_workers_come_back_when_the_database_does(recipients, kills):
    found = crash("restarts", recipients=recipients, kills=kills)

    assert found.faults == []
    assert found.measures["workers that ended"] == 0
    assert (found.lost, found.doubled) == (0, 0)


@pytest.mark.parametrize("kills", [4, pytest.param(200, marks=pytest.mark.full)])
def test_a_mail_and_its_change_are_both_there_or_neither(kills):
    found = crash("commits", kills=kills)

    assert found.faults == []
    assert found.measures["changes"] > kills
    assert found.measures["changes without a mail"] == 0
    assert found.measures["mails without a change"] == 0


@at(20, full=1_000)
def test_fifty_publish_one_issue_and_it_goes_out_once(recipients):
    found = crash("publishes", recipients=recipients)

    assert found.faults == []
    assert (found.measures["publishers"], found.measures["messages"]) == (50, 1)
    assert (found.states, found.doubled) == ({"sent": recipients}, 0)


@pytest.mark.full
@pytest.mark.brokers
@pytest.mark.parametrize("engine", ["redis", "rabbitmq"])
def test_celery_loses_nothing_when_workers_or_broker_are_killed(engine):
    found = crash("broker", engine=engine, recipients=2_000, kills=9)

    assert found.faults == []
    assert (found.lost, found.doubled) == (0, 0)
    assert found.measures["workers whose children live on"] == 0
