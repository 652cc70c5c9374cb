"""Is this installation able to deliver? Everything that can be looked up without sending a mail.

An app adds its own questions in its `doctor.py`, which is found by itself.
"""
