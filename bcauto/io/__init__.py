"""Files of all kinds: TOML, npz, Keras', half-written ones; what an error of them says."""
