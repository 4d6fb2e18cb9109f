"""Which objects an answer has."""

import pytest

from gateway.selection import list_labels

KNOWN = {"cup, glass", "cup", "dog"}


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (None, None),
        ([""], set()),
        (["cup,dog"], {"cup", "dog"}),
        (["cup, glass"], {"cup, glass"}),
        (["cup, glass", "dog"], {"cup, glass", "dog"}),
        (["cup , hat"], {"cup", "hat"}),
    ],
)
def test_labels_may_hold_commas(texts, labels):
    assert list_labels(texts, KNOWN) == labels
