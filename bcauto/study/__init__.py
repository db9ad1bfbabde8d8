"""Writing a study: its folder and settings, its lock, and the ledger that closes every trial."""
