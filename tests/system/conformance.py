#!/usr/bin/env python3
"""Checks tests/CONFORMANCE.md: each test that it names is there, once, and has passed.

    tests/system/conformance.py [FOLDER]       (make check-conformance does)

FOLDER holds the logs of the last "make check"; build/release/tests/suites unless told otherwise. A test of a C
suite must be in the suite's list of tests, and its log must say that it passed. Other tests need only be
in their file. Each row of the table counts once: passed, or failed with the reason.
"""
import functools
import os
import re
import sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
folder = sys.argv[1] if len(sys.argv) > 1 else "build/release/tests/suites"
PAGE = "tests/CONFORMANCE.md"
TEST = re.compile(r'([a-z0-9_/]+(?:\.test)?\.(?:c|mjs|py)): "([^"]+)"')


@functools.cache
def contents(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def path_of(file):
    """Those of suites/ are named without the folder."""
    return f"tests/{file}" if "/" in file else f"tests/suites/{file}"


def defined(file, name):
    """How often a file defines a test of that name."""
    text = contents(path_of(file))
    if file.endswith(".c"):
        return text.partition("struct test tests[] = {")[2].partition("{0},")[0].count(f'{{"{name}",')
    if file.endswith(".py"):
        return text.count(f"def {name}(")
    return text.count(f"test('{name}',") + text.count(f"scenario('{name}',")


def test_complaints(file, name):
    count = defined(file, name)
    if count != 1:
        yield f'{path_of(file)} has {count} tests named "{name}", not one'
    elif file.endswith(".c"):
        log = f"{folder}/{file[:-1]}log"
        count = contents(log).count(f"\n  Test: {name} ...passed\n")
        if not contents(log):
            yield f"no log {log}: run make check"
        elif count != 1:
            yield f'the log says {count} times, not once, that "{name}" of {path_of(file)} passed'


def complaints(cells, above):
    """What is wrong with a row, whose last cell is: file: "name"; file: "name". A reason why there is no
    test may stand in its place, or before them."""
    if len(cells) != 3 or not all(cells):
        yield "a row has three cells: section, what it asks, shown by"
        return
    reason = re.match("(does not apply|not kept): .", cells[2])
    between = TEST.sub("\0", cells[2]).split("\0")
    tests = TEST.findall(cells[2])
    odd = any(words != "; " for words in between[1:-1])
    if reason:
        odd = odd or (tests and not between[0].endswith("; "))
    else:
        odd = odd or not tests or between[0] or between[-1]
    if odd or ': "' in between[-1]:
        yield "the last cell must name tests, or say why there is none: " + cells[2]
    for test in tests:
        yield from test_complaints(*test)
    if cells[:2] in above:
        yield "the same row stands above"


rows, failed, named, reasons = [], 0, 0, 0
for number, line in enumerate(contents(PAGE).split("\n"), 1):
    cells = re.split(r" *\| *", line)[1:-1]
    if line.startswith("|") and cells[0] not in ("section", "---"):
        wrong = list(complaints(cells, rows))
        rows.append(cells[:2])
        failed += bool(wrong)
        named += len(TEST.findall(cells[-1]))
        reasons += cells[-1].startswith(("does not apply: ", "not kept: "))
        print("".join(f"{PAGE}:{number}: {words}\n" for words in wrong), end="")
print(f"{len(rows)} rows name a test {named} times; {reasons} say why a rule does not apply or is not kept")
print(f"{len(rows) - failed} passed, {failed} failed")
sys.exit(failed > 0 or not rows)
