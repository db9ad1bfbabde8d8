"""How long the search for near duplicates takes, and how much memory.

    python benchmarks/near_duplicates.py --data FILE [--counts 1000 10000 17000]

Takes pictures from the data as a search would, cleaned; again and again with noise where there are
too few; and looks for near duplicates of a tenth of them among all. Prints seconds, CPU seconds and
the process' largest memory for each count.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from bcauto.data.dataset import load
from bcauto.data.near_duplicates.pairs import near_duplicates


def main() -> None:
    """Measure each count and print a line about it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 17_000])
    given = parser.parse_args()
    data = load(given.data, None, 0, "drop")
    source = np.concatenate([data.train.images, data.val.images])
    for count in given.counts:
        rng = np.random.default_rng(0)
        images = source[np.arange(count) % len(source)].copy()
        for at in range(len(source), count):  # no copy of another: each has its own large noise
            noise = rng.normal(0, 40, images.shape[1:])
            images[at] = (images[at] + noise).clip(0, 255).astype(np.uint8)
        started, spent = time.perf_counter(), time.process_time()
        found = near_duplicates(images, images[::10])
        seconds, cpu = time.perf_counter() - started, time.process_time() - spent
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{count} pictures: {seconds:.1f} s, {cpu:.1f} s of CPU, {peak:.2f} GiB, "
            f"{len(found) - len(images[::10])} pairs"
        )


if __name__ == "__main__":
    main()
