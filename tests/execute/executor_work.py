"""What the runners of the executors' tests do, by the turn of the trial."""

import errno
import os
import signal
import subprocess
import time

from bcauto.errors import TrialFailed
from bcauto.trial import Scores, TrialResult

SCORES = Scores(
    interval=(0.4, 0.6), standard_error=0.05, corruptions={}, families={}, held_out={}, clean={}
)


class PlannedRunner:
    """Does what ``plan`` says for each trial's number: a word, or by default a plain result."""

    def __init__(self, payload, threads):
        self.plan, self.folder = payload
        self.threads, self.hoard = threads, []

    def run(self, job, report):
        deed = self.plan.get(job.number, "score")
        if deed == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if deed == "kill the trainables":
            kill_siblings("ray::TuneTrial", "ray::ResourceTrainable")
            time.sleep(600)
        if deed == "raise":
            raise ValueError("no such thing\nsecond line")
        if deed == "need memory" and job.accumulate == 1:
            bytearray(1 << 62)
        if deed == "hoard":
            self.hoard.append(b"x" * 150_000_000)
        if deed == "hang":
            time.sleep(600)
        if deed == "fill the disk":
            raise OSError(errno.ENOSPC, "No space left on device")
        if deed == "fail":
            raise TrialFailed("the loss is nan after epoch 1 (head stage)")
        score = 0.1 if deed == "lag" else 0.8
        for epoch in range(1, 7):
            report(epoch, float("nan") if deed == "nan" else score)
        with job.files.atomic_write(job.model_path) as path:
            path.write_text("a model")
        (self.folder / f"ran-{job.number}").write_text(str(os.getpid()))
        return TrialResult(float("nan") if deed == "nan" else score, 0.9, SCORES)


def kill_siblings(*names):
    """Kills what the same raylet started, by the beginning of its command line."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        pid, parent, command = line.split(None, 2)
        if int(parent) == os.getppid() and command.startswith(names):
            os.kill(int(pid), signal.SIGKILL)


def make_runner(payload, threads):
    return PlannedRunner(payload, threads)
