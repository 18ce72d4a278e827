#!/usr/bin/env python3
"""Fuzzes each target, after all inputs that are kept: the corpus, which seeds.py writes, and what once
failed.

    tests/fuzz/run.py FOLDER SECONDS TARGET...     random inputs for so long (make fuzz)
    tests/fuzz/run.py FOLDER same TARGET...        nearly the same inputs each time (make check-fuzz)

FOLDER holds the targets' programs. The first gathers new inputs that reach new code in
FOLDER/corpus/TARGET, and goes on from there the next time. An input that fails stays in
FOLDER/failed/TARGET.
"""
import glob
import os
import re
import shutil
import sys

sys.path.insert(0, "tests/harness")
from run import run, side_by_side  # noqa: E402

# Seconds for one input, which takes milliseconds; so many that no busy machine is taken for a hang.
INPUT = "-timeout=60"
# Inputs for each target where they are to be the same: some ten seconds each.
RUNS = {"request": 20000, "session": 20000, "utf8": 1000000, "offers": 200000}

folder, seconds, *targets = sys.argv[1:]
same = seconds == "same"
# What the fuzzer learns from depends on addresses.
start = os.environ.get("NOT_RANDOM", "").split() if same else []


def failure(target, log, text, what):
    said = re.findall(r"^wrong: .*|.*ERROR: .*|.*runtime error.*|^SUMMARY.*", text, re.M)
    said.append(f"FAILED: {target}: {what} (log in {log})")
    for kept in glob.glob(f"{folder}/failed/{target}/*"):
        said += [f"    replay it:  {folder}/{target} {kept}",
                 f"    keep it:    cp {kept} tests/fuzz/crashes/{target}/"]
    return "\n".join(said)


def fuzz(target):
    program, log, failed = f"{folder}/{target}", f"{folder}/{target}.log", f"{folder}/failed/{target}/"
    corpus = f"{folder}/corpus/{target}{'-same' if same else ''}"
    shutil.rmtree(failed, ignore_errors=True)
    if same:
        shutil.rmtree(corpus, ignore_errors=True)
    os.makedirs(failed)
    os.makedirs(corpus, exist_ok=True)
    kept = sorted(glob.glob(f"tests/fuzz/corpus/{target}/*") + glob.glob(f"tests/fuzz/crashes/{target}/*"))
    status, text = run([program, INPUT, *kept], log)
    if status:
        shutil.copy(re.findall(r"^Running: (.*)", text, re.M)[-1], failed)
        return 0, 1, failure(target, log, text, "a kept input")
    how_long = ["-seed=1", f"-runs={RUNS[target]}"] if same else [f"-max_total_time={seconds}"]
    folders = [corpus, *filter(os.path.isdir, (f"tests/fuzz/corpus/{target}", f"tests/fuzz/crashes/{target}"))]
    status, text = run([*start, program, *how_long, INPUT, f"-artifact_prefix={failed}", *folders], log)
    if status:
        return len(kept), 1, failure(target, log, text, "an input that the fuzzer has made")
    places = re.search(r"\((\d+) inline 8-bit counters", text)[1]
    runs, took = re.search(r"^Done (\d+) runs in (\d+)", text, re.M).groups()
    reached = re.findall(r"cov: (\d+)", text)[-1]
    return len(kept) + 1, 0, (f"passed: {target}, {len(kept)} kept inputs, {runs} more in {took} s, "
                              f"coverage: {reached} of {places} places")


# Two at a time: more would only share the same processors.
sys.exit(not side_by_side(fuzz, targets, 2))
