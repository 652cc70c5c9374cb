"""The page for staff: how each provider is doing, what waits, and what a person may do about it."""
