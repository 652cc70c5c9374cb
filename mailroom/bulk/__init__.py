"""The fast path of bulk email: one skeleton for all, and calls that take many."""
