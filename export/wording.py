"""Numbers with their nouns, as people say them."""


def count_nouns(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`; `2 classes`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith('s') else 's'}"
