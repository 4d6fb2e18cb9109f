"""What the report says to its user in one line."""


class ReportError(Exception):
    """Something the user can mend; the message says what was wrong and what is accepted."""


def first_line(error: BaseException) -> str:
    """The start of a foreign message, for a one-line error."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
