"""The loop over hostile cases that all fuzzers share, and a process for those that may kill it."""

import argparse
import contextlib
import ctypes
import gc
import multiprocessing
import re
import resource
import sys
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

# An outcome that begins with it is a fault of the program, not of its input.
FAILURE = "FAILURE"


def loop(cases, outcome_of, count=None, seconds=None, report=None):
    """Tries cases until there are enough.

    Args:
        cases: generator of tuples: the kind that is counted, what was done, and the case.
        outcome_of: function of a case that returns its outcome, a str. What follows a colon is
            not counted.
        count: int, number of cases; by default as many as there are.
        seconds: float, how long; by default until there are `count`.
        report: called with a line for each failure.

    Returns:
        A tuple of a dict from kind to Counter of outcomes, and the list of failures.
    """
    counts, failures = defaultdict(Counter), []
    end = float("inf") if seconds is None else time.monotonic() + seconds
    # Closed in the end, because the generators have temporary files.
    with contextlib.closing(cases):
        for number, (kind, what, case) in enumerate(cases):
            if number == count or time.monotonic() > end:
                break
            outcome = outcome_of(case)
            counts[kind][outcome.split(":")[0]] += 1
            if outcome.startswith(FAILURE):
                failures.append((kind, number, what, outcome))
                if report:
                    report(f"{kind} {number} ({what}): {outcome}")
    return counts, failures


class Worker:
    """A process that handles cases, one after another; a new one where a case ends it.

    Args:
        handle: function of a case that returns its outcome; its exceptions are failures.
        prepare: function that imports what is needed, before memory is limited.
        seconds: float, how long a case may take before its process is killed.
        memory: int, bytes that the process may allocate after `prepare`.
    """

    def __init__(self, handle, prepare, seconds, memory):
        self._arguments = (handle, prepare, memory)
        self._seconds = seconds
        self._start()

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()
        # TensorFlow's import takes that long on a busy machine.
        if not self._connection.poll(300) or self._connection.recv() != "ready":
            raise RuntimeError("the worker did not start")

    def outcome(self, case):
        """Returns the outcome of a case."""
        self._connection.send(case)
        try:
            if self._connection.poll(self._seconds):
                return self._connection.recv()
            outcome = f"{FAILURE}: no answer in {self._seconds} s"
        except (EOFError, ConnectionResetError):
            self._process.join()
            outcome = f"{FAILURE}: the process died (exit code {self._process.exitcode})"
        self.close()
        self._start()
        return outcome

    def close(self):
        """Ends the process."""
        self._process.kill()
        self._process.join()


def _work(connection, handle, prepare, memory):
    prepare()
    warnings.simplefilter("ignore")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    connection.send("ready")
    while True:
        case = connection.recv()
        try:
            outcome = handle(case)
        except BaseException as error:
            outcome = f"{FAILURE}: {type(error).__name__}: {error!s:.200}"
        connection.send(outcome)


def used_by(function, *arguments):
    """Calls a function in a process of Linux.

    Returns:
        A tuple of its result; the seconds, without those in which others had the processor; and
        the bytes by which the process's memory grew in the meantime.
    """
    # Else a case could use what an earlier one has left, and seem to need nothing.
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    # The peak is measured anew from here on, unlike that of `getrusage`.
    Path("/proc/self/clear_refs").write_text("5")
    before, start = _bytes_of("VmRSS"), time.process_time()
    result = function(*arguments)
    return result, time.process_time() - start, _bytes_of("VmHWM") - before


def _bytes_of(name):
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[1])


def argument_parser(description):
    """Returns a parser of the arguments that all fuzzers have."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--count", type=int, help="number of cases; 500 unless --seconds is given")
    parser.add_argument("--seconds", type=float, help="how long, in all")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def parse(parser):
    """Returns the arguments of the command line."""
    arguments = parser.parse_args()
    if arguments.count is None and arguments.seconds is None:
        arguments.count = 500
    return arguments


def finish(counts, failures):
    """Prints a table of outcomes and ends the process, with 1 if there are failures."""
    outcomes = sorted({outcome for counter in counts.values() for outcome in counter})
    print("| cases of |", " | ".join(outcomes), "|")
    print("|---|" + "---|" * len(outcomes))
    for kind, counter in counts.items():
        print(f"| {kind} |", " | ".join(str(counter[outcome]) for outcome in outcomes), "|")
    print(f"{sum(counter.total() for counter in counts.values())} cases, {len(failures)} failures")
    sys.exit(1 if failures else 0)
