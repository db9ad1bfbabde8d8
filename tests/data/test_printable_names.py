import os

import pytest

from bcauto.data.names import printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cell 1.png", "cell 1.png"),
        ("Zelle é 細胞.png", "Zelle é 細胞.png"),
        (os.fsdecode(b"a\xff\xfe.png"), r"a\xff\xfe.png"),
        ("a\x1b[2J\n\x07", r"a\x1b[2J\x0a\x07"),
        ("\ud800", r"\ud800"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_a_name_is_text_that_every_screen_takes(name, shown):
    assert printable(name) == shown
    printable(name).encode()
