"""Delivery: from rows in the outbox to providers, and back with an outcome for each row.

Read `engine` first, which calls the others in this order: `claim` takes due rows, `guards` stop
what must not go out, `transport` hands the rest to a provider, `complete` records what became of
each. `breaker` knows which providers work; `wakeups` says when there is something to do.
"""
