"""A study: its folder, its file of settings, its storage, and the one ledger that writes to it."""

from bcauto.study.folder import StudyFolder, check_name, find_study, lock
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.monitor import Monitor, SilentMonitor
from bcauto.study.record import OWN_STORAGE, DataRecord, Identity, Settings, StudyRecord
from bcauto.study.sampling import make_pruner
from bcauto.study.storage import (
    absolute,
    check_exists,
    check_storage,
    connect,
    redacted,
    storage_failures_in_one_line,
)
from bcauto.study.summary import Best, Status, best_trials, load_study, status

__all__ = [
    "OWN_STORAGE",
    "Best",
    "DataRecord",
    "Identity",
    "Ledger",
    "Limits",
    "Monitor",
    "Settings",
    "SilentMonitor",
    "Status",
    "StudyFolder",
    "StudyRecord",
    "absolute",
    "best_trials",
    "check_exists",
    "check_name",
    "check_storage",
    "connect",
    "find_study",
    "load_study",
    "lock",
    "make_pruner",
    "redacted",
    "status",
    "storage_failures_in_one_line",
]
