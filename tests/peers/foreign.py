#!/usr/bin/env python3
"""Runs the wire checks against a server that was not written for them, and compares what it fails with the
list of tests/peers/foreign.txt, which has a reason for each failure.

    tests/peers/foreign.py FOLDER       (make check-foreign does)
"""
import re
import subprocess
import sys

sys.path += ["lessons/tools", "tests/harness"]
from course import LESSONS  # noqa: E402
from run import run, side_by_side  # noqa: E402

folder = sys.argv[1]
suites = [lesson.suite for lesson in LESSONS if lesson.is_fair_to_others]
with open("tests/peers/foreign.txt", encoding="utf-8") as file:
    listed = [line.split(" | ") for line in file if " | " in line]      # suite, test, reason


def try_suite(suite):
    try:
        said = run([f"{folder}/{suite}"], f"{folder}/{suite}.foreign", 100, LEARN="list", FAIL_FAST="3",
                   FOREIGN="node tests/peers/foreign-ws.mjs")[1]
    except subprocess.TimeoutExpired:
        said = ""
    if not re.search(r"^\d+ passed, \d+ failed$", said, re.M):
        return 0, 1, f"{suite} has not come to its end: see {folder}/{suite}.foreign"
    passed, failed, skipped = (re.findall(rf"^  {word} +(.*)", said, re.M) for word in ("ok", "FAILED", "skipped:"))
    expected = [test for listed_suite, test, _ in listed if listed_suite == suite]
    complaints = [f"    a good server fails this, and tests/peers/foreign.txt has no reason: {suite} | {test}\n"
                  + re.search(rf"^  FAILED +{re.escape(test)}\n*(.*)", said, re.M)[1]
                  for test in failed if test not in expected]
    complaints += [f"    tests/peers/foreign.txt lists this, but it passes now, or is gone: {suite} | {test}"
                   for test in expected if test not in failed]
    words = [f"{suite}: ws passes {len(passed)} tests, fails {len(failed)}, each with a reason in the list; "
             f"{len(skipped)} need this server", *complaints]
    return len(passed), len(complaints), "\n".join(words)


sys.exit(not side_by_side(try_suite, suites, 3))
