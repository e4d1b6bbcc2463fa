"""Long-lived worker processes that judge many combinations each."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from lab.sweep.combinations import Combination
from lab.sweep.judging import Setting, judged
from lab.sweep.record import CombinationRecord
from lab.worlds.child import interrupts_held, interrupts_let_in, leave_terminal
from lab.worlds.namespaces import die_with_parent

BATCH: Final = 8
"""Combinations given to a worker at a time: enough that handing over costs nothing, few enough that
no worker is left alone with many at the end."""


class WorkerDied(Exception):
    """A worker was killed, perhaps for want of memory; the message says what helps."""


def judge_all(
    combinations: Sequence[Combination],
    setting: Setting,
    *,
    workers: int,
    progress: Callable[[CombinationRecord], None],
) -> list[CombinationRecord]:
    """The records of all combinations, in their order, whatever the number of workers.

    `progress` is told of each as it comes. An exception (an interrupt too) ends the workers before
    it leaves. Raises WorkerDied.
    """
    batches = [combinations[start : start + BATCH] for start in range(0, len(combinations), BATCH)]
    if workers == 1 or len(batches) <= 1:
        return [record for batch in batches for record in _told(_judge(batch, setting), progress)]
    # Forked while interrupts are held, so that none reaches a worker before it has left the
    # terminal: Ctrl-C is for this process alone.
    with interrupts_held():
        pool = ProcessPoolExecutor(
            min(workers, len(batches)),
            mp_context=multiprocessing.get_context("fork"),
            initializer=_begin,
            initargs=(os.getpid(),),
        )
        try:
            futures = [pool.submit(_judge, batch, setting) for batch in batches]
            with interrupts_let_in():
                return list(_collected(futures, progress))
        except BrokenProcessPool as error:
            raise WorkerDied("a worker was killed; run fewer with --workers") from error
        finally:
            # Whoever works on something nobody wants any more would hold the end up.
            for process in list((pool._processes or {}).values()):  # noqa: SLF001 - it has no other way
                process.kill()
            pool.shutdown(cancel_futures=True)


def _collected(
    futures: Sequence[Future[list[CombinationRecord]]],
    progress: Callable[[CombinationRecord], None],
) -> Iterator[CombinationRecord]:
    for future in futures:
        yield from _told(future.result(), progress)


def _told(
    records: Sequence[CombinationRecord], progress: Callable[[CombinationRecord], None]
) -> Iterator[CombinationRecord]:
    for record in records:
        progress(record)
        yield record


def _begin(parent: int) -> None:
    """A worker's first act: it ends with its parent, and Ctrl-C is not for it."""
    if sys.platform == "linux":
        die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    leave_terminal()
    # What is alive now is shared with the parent; collecting it here would copy it.
    gc.freeze()
    gc.disable()


def _judge(batch: Sequence[Combination], setting: Setting) -> list[CombinationRecord]:
    records = [judged(combination, setting) for combination in batch]
    # Hosts, links and connections point at each other: nothing but this frees them.
    gc.collect()
    return records
