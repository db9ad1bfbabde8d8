"""KerasTuner's hypermodels run here, and our spaces in its tuners; the one place that imports it.

``discover`` asks a child process for a hypermodel's space, ``build`` makes its models and ``fit``
trains them in a training process; ``tuner`` is the other way.
"""
