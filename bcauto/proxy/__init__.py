"""The proxy: a strongly corrupted validation set, made once for a study, that scores its trials.

Two families of corruptions are held out: they are scored and reported, but never optimised.
"""
