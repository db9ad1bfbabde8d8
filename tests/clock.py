"""Time that a test lets pass; a module of its own, so that a clock can be pickled."""


class Clock:
    """Seconds that pass only where something sleeps."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
