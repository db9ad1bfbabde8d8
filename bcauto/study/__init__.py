"""A study: its folder, its file of settings, its storage, and the one ledger that writes to it."""

from bcauto.study.confirm import Confirmed, RepeatSource, confirm_time, confirmed, winner
from bcauto.study.drivers import Drivers, driving, living_drivers
from bcauto.study.folder import StudyFolder, check_name, existing_studies, find_study
from bcauto.study.importance import importances
from bcauto.study.kept import Kept, kept_model
from bcauto.study.ledger import DONE, Ledger, Limits
from bcauto.study.monitor import Monitor, SilentMonitor
from bcauto.study.record import OWN_STORAGE, DataRecord, Identity, Settings, StudyRecord
from bcauto.study.sampling import SamplerName, check_sampler, draw_at_random, make_pruner
from bcauto.study.source import Source, SpaceSource
from bcauto.study.storage import (
    absolute,
    check_exists,
    check_storage,
    connect,
    redacted,
    storage_failures_in_one_line,
)
from bcauto.study.summary import Best, Status, best_trials, load_study, status
from bcauto.study.validity import Choice, Correlation, Validity, Worth, comparable, proxy_validity

__all__ = [
    "DONE",
    "OWN_STORAGE",
    "Best",
    "Choice",
    "Confirmed",
    "Correlation",
    "DataRecord",
    "Drivers",
    "Identity",
    "Kept",
    "Ledger",
    "Limits",
    "Monitor",
    "RepeatSource",
    "SamplerName",
    "Settings",
    "SilentMonitor",
    "Source",
    "SpaceSource",
    "Status",
    "StudyFolder",
    "StudyRecord",
    "Validity",
    "Worth",
    "absolute",
    "best_trials",
    "check_exists",
    "check_name",
    "check_sampler",
    "check_storage",
    "comparable",
    "confirm_time",
    "confirmed",
    "connect",
    "draw_at_random",
    "driving",
    "existing_studies",
    "find_study",
    "importances",
    "kept_model",
    "living_drivers",
    "load_study",
    "make_pruner",
    "proxy_validity",
    "redacted",
    "status",
    "storage_failures_in_one_line",
    "winner",
]
