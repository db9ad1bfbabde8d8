"""Executors: they run the ledger's jobs, with Ray Tune or in this process, under one contract."""

from bcauto.execute.contract import Executor, Node, Runner, Slots, Work, attempt
from bcauto.execute.inline import InlineExecutor

__all__ = ["Executor", "InlineExecutor", "Node", "Runner", "Slots", "Work", "attempt"]
