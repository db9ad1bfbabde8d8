"""Ray Tune as executor: the one place that imports Ray.

Tune only executes; it asks the ledger for jobs and keeps nothing worth restoring.
"""
