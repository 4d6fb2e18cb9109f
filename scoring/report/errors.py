"""What the report tells its user in one line."""


class ReportError(Exception):
    """Something the user can mend; the message says what was wrong and what is accepted."""
