"""KerasTuner's hypermodels searched here, and bcauto's spaces for its tuners.

``discover`` asks a child process for a hypermodel's space; ``tuner`` is the other way.
"""
