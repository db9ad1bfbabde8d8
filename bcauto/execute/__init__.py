"""Executors: they run the ledger's jobs, with Ray Tune or in this process, under one contract."""
