"""What is said of files that cannot be read: one line, not too long."""

import zipfile

import numpy as np
import pytest

from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable


def test_a_zip_with_a_long_damaged_name_in_it_is_refused_in_a_short_line(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, images=np.zeros((2, 96, 96, 3), np.uint8))
    content = bytearray(path.read_bytes())
    content[26:28] = (20_000).to_bytes(2, "little")  # the length of the name before the data
    path.write_bytes(content)
    refused = pytest.raises(BadInput, match="damaged, cut short or locked")
    with refused as line, refuse_unreadable(path), zipfile.ZipFile(path) as archive:
        archive.read("images.npy")
    assert len(str(line.value)) < len(str(path)) + 300
