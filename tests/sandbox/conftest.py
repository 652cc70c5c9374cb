from tests.mailroom.conftest import carry_by, in_memory

__all__ = ["carry_by", "in_memory"]
