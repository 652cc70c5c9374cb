"""The contract of the outbox with a mail server that refuses and hangs up. See crashing/."""

import pytest

from tests.mailroom.crash import at, crash, once


@at(pytest.param(200, marks=once), full=5_000)
def test_refused_for_now_arrives_and_refused_for_good_is_tried_once(recipients):
    found = crash("refusals", recipients=recipients)

    assert found.faults == []
    assert found.states["sent"] + found.states["failed"] == recipients
    assert found.accepted == found.states["sent"]
    assert found.doubled == 0


@at(pytest.param(600, marks=once), full=5_000)
def test_one_mail_without_an_answer_is_uncertain_and_the_others_go_out_once(recipients):
    found = crash("drops", recipients=recipients)

    assert found.faults == []
    assert found.states == {"sent": recipients - 1, "uncertain": 1}
    assert found.doubled == 0


@at(pytest.param(100, marks=once), full=5_000)
def test_an_impossible_address_holds_up_nobody(recipients):
    found = crash("poison", recipients=recipients)

    assert found.faults == []
    assert found.states == {"sent": recipients - 2, "failed": 2}


@once
def test_of_three_in_one_mail_only_who_was_refused_for_now_gets_it_again():
    found = crash("grouped")

    assert found.faults == []
    assert (found.accepted, found.states) == (2, {"sent": 3})


@at(300, full=50_000)
def test_a_reset_does_not_wait_for_a_newsletter(recipients):
    found = crash("priority", recipients=recipients)

    assert found.measures["resets accepted"] == found.recipients - recipients
    assert found.measures["newsletter mails that still waited"] > 0
    assert (found.lost, found.doubled) == (0, 0)
