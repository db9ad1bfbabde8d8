"""Files: TOML, npz, Keras models, atomic writing, room on the disk, errors of reading."""
