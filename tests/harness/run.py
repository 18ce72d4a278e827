#!/usr/bin/env python3
"""Runs things side by side, prints what came out of each as soon as it is known, and sums them up.

    tests/harness/run.py suites FOLDER SUITE...     the suites in a folder (make check)
    tests/harness/run.py targets TARGET...          what make makes, two at a time (make test)

$NOT_RANDOM is a command that starts each suite: see the Makefile. Other scripts take side_by_side.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import threading
import time

# The tests of these suites wait, for timeouts of the server: so many processes share them, and a test
# of each waits while those of the others do.
PROCESSES = {"00_trace": 7, "14_limits": 12}
# More would only wait for the processors.
SUITES_AT_ONCE = 16


def side_by_side(work, jobs, at_once):
    """Calls work(job) for each, several at a time: it returns how many things were right, how many wrong,
    and what to print. What is wrong is printed last, so that it is seen. Returns whether all was right."""
    right, wrong, complaints = 0, 0, []
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for done in concurrent.futures.as_completed([pool.submit(work, job) for job in jobs]):
            more_right, more_wrong, words = done.result()
            right, wrong = right + more_right, wrong + more_wrong
            if more_wrong:
                complaints.append(words)
            elif words:
                print(words, flush=True)
    print("\n".join(complaints) + "\n" * bool(complaints), end="")
    print(f"{right} passed, {wrong} failed", flush=True)
    return right > 0 and wrong == 0


def run(command, log, limit_s=None, **environment):
    """Runs a command, keeps what it says in a file, and returns its exit status and that text. The status
    is negative if a signal has ended it. Raises subprocess.TimeoutExpired after limit_s seconds."""
    with open(log, "wb") as file:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False,
                                timeout=limit_s, env={**os.environ, **environment}).returncode
    with open(log, encoding="utf-8", errors="replace") as file:
        return status, file.read()


class Suite:
    """A suite of CUnit's, in one process or several."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)
        self.parts = PROCESSES.get(self.name, 1)
        self.lock = threading.Lock()
        self.logs = {}      # of the parts that have ended; under the lock
        self.failed = False
        self.start = os.environ.get("NOT_RANDOM", "").split()

    def run_part(self, part):
        """Only the last part to end has anything to say: the log of all, or that they have passed."""
        log = f"{self.path}.{part}.log"
        status, text = run([*self.start, self.path], log, PART=f"{part}/{self.parts}")
        os.remove(log)
        if status or "Sanitizer" in text or not re.search(r"^ *tests ", text, re.M):
            self.failed = True
            text += f"FAILED: {self.name} (status {status})\n"
        with self.lock:
            self.logs[part] = text
            is_last = len(self.logs) == self.parts
        return self.sum_up() if is_last else (0, 0, "")

    def sum_up(self):
        text = "".join(self.logs[part] for part in sorted(self.logs))
        with open(self.path + ".log", "w", encoding="utf-8") as file:
            file.write(text)
        # CUnit's summary: total, run, passed, failed
        right, wrong = (sum(map(int, re.findall(rf"^ *tests +\d+ +\d+ {column}", text, re.M)))
                        for column in (r"+(\d+)", r"+\d+ +(\d+)"))
        asserted = sum(map(int, re.findall(r"^ *asserts +(\d+)", text, re.M)))
        if self.failed:
            return right, wrong or 1, f"{text}FAILED: {self.name} (log in {self.path}.log)"
        return right, wrong, f"passed: {self.name} ({right} tests, {asserted} assertions)"


def run_suites(folder, *names):
    # Those that wait begin first: the others are done meanwhile.
    suites = sorted((Suite(os.path.join(folder, name)) for name in names), key=lambda suite: -suite.parts)
    return side_by_side(lambda job: job[0].run_part(job[1]),
                        [(suite, part) for suite in suites for part in range(suite.parts)], SUITES_AT_ONCE)


def in_figures(text):
    """How many tests of Node.js, and of Python beside them, have passed; else the last line with figures."""
    if "\n# pass " in text:
        counts = re.findall(r"^(?:# pass|Ran) (\d+)", text, re.M)
        left_out = re.findall(r"left out, .*", text)
        return "; ".join([f"{sum(map(int, counts))} passed", *dict.fromkeys(left_out)])
    lines = [line for line in text.splitlines()
             if re.search(r"\d passed|^\d+ (?!warnings? generated)", line)]
    return (lines or ["done"])[-1]


def run_target(target):
    """What make says of a target in figures; if it fails, all."""
    log = f"build/parts/{target}.log"
    began = time.monotonic()
    status, text = run(["make", "--no-print-directory", target], log)
    if status:
        return 0, 1, f"{text}FAILED: {target} (log in {log})"
    return 1, 0, f"passed: {target}, {time.monotonic() - began:.0f} s: {in_figures(text)}"


def run_targets(*targets):
    """Two at a time, because most of them wait more than they work."""
    os.makedirs("build/parts", exist_ok=True)
    return side_by_side(run_target, targets, 2)


if __name__ == "__main__":
    kinds = {"suites": run_suites, "targets": run_targets}
    sys.exit(not kinds[sys.argv[1]](*sys.argv[2:]))
