"""The proxy: a strongly corrupted validation set, made once for a study, that scores its trials.

Two families of corruptions are held out: they are made and reported, never optimised.
"""

from __future__ import annotations

from bcauto.proxy.cells import Cell, ProxyConfig
from bcauto.proxy.corruptions import CORRUPTIONS, FAMILIES, HELD_OUT, SEVERITIES, Corruption
from bcauto.proxy.make import make_proxy
from bcauto.proxy.metrics import Metric, measure
from bcauto.proxy.objective import Objective
from bcauto.proxy.own import OwnImages, with_own
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import ProxyScore, score, score_probe

__all__ = [
    "CORRUPTIONS",
    "FAMILIES",
    "HELD_OUT",
    "SEVERITIES",
    "Cell",
    "Corruption",
    "Metric",
    "Objective",
    "OwnImages",
    "Proxy",
    "ProxyConfig",
    "ProxyScore",
    "make_proxy",
    "measure",
    "score",
    "score_probe",
    "with_own",
]
