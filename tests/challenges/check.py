#!/usr/bin/env python3
"""Shows that the challenges can be met, that their answers fit the code as it is now, and that their checks see
what is wrong.

    tests/challenges/check.py FOLDER [NAME]...       (make check-challenges does)

Each challenge is tried in a copy of the project, whose workshop/ has the finished code, as after the lessons:
first as it is, then with the answer, where the page's examples must print what they show, then with each wrong
answer: the answer, changed by tests/challenges/NAME-*.patch. A patch begins with the mistake and what the check
must say of it. A patch that does not fit any more is an error: no line around its changes may be another one.
"""
import glob
import os
import re
import shutil
import sys

sys.path += ["lessons/tools", "tests/harness"]
import console  # noqa: E402
from course import CHALLENGES  # noqa: E402
from page import Page  # noqa: E402
from run import run, side_by_side  # noqa: E402

LIMIT_S = 240   # for one check, however busy the machine is
PLAYED = 4      # a check that passes has so many tests at least

# What a learner is told who has not begun.
NOT_BEGUN = {
    "clock": "The server needs a route",
    "rooms": "the 101 names no subprotocol",
    "client": "There is no workshop/client.c yet",
    "game": "There is no client/game.html yet",
}


class NotRight(Exception):
    pass


def lay_out(challenge, copy):
    """The learner's files, without an answer and with it."""
    for name in ("workshop", "client"):
        shutil.rmtree(f"{copy}/{name}", ignore_errors=True)
    os.mkdir(f"{copy}/workshop")
    for path in glob.glob("*.[ch]"):
        shutil.copy(path, f"{copy}/workshop")
    shutil.copytree("client", f"{copy}/client", ignore=shutil.ignore_patterns("book"))


def put_in(copy, folder, patch):
    """Applies a patch; --fuzz=0: only if every line that it quotes is there."""
    status, said = run(["patch", "--fuzz=0", "-p1", "-d", f"{copy}/{folder}", "-i", os.path.abspath(patch)],
                       f"{copy}/log")
    if status:
        raise NotRight(f"{patch} does not fit the code any more: write it anew (tests/README.md says how)\n{said}")


def answer(challenge, copy):
    lay_out(challenge, copy)
    if challenge.answer.endswith(".patch"):
        put_in(copy, challenge.place, challenge.answer)
    else:
        shutil.copytree(challenge.answer, f"{copy}/{challenge.place}", dirs_exist_ok=True)


def check(challenge, copy, *arguments):
    """What a learner types, in the copy. Returns the exit status, and what is said, also without its line ends."""
    status, said = run(["make", "-s", "-C", copy, "check", f"CHALLENGE={challenge.name}", *arguments], f"{copy}/log",
                       LIMIT_S)
    if "Traceback" in said:
        raise NotRight(f"the check itself has failed\n{said}")
    return status, said, " ".join(said.split())


def try_unanswered(challenge, copy):
    lay_out(challenge, copy)
    status, said, words = check(challenge, copy)
    if status == 0 or NOT_BEGUN[challenge.name] not in words or f"read {challenge.text}" not in words:
        raise NotRight(f"who has not begun is not told \"{NOT_BEGUN[challenge.name]}\"\n{said}")


def try_answer(challenge, copy):
    answer(challenge, copy)
    status, said, _ = check(challenge, copy, "CFLAGS=-Werror", "WAIT_S=30")    # nothing is waited for in vain
    if status or len(re.findall(r"^  ok ", said, re.M)) < PLAYED:
        raise NotRight(f"its answer does not pass\n{said}")
    complaints, page = [], Page(challenge.text)
    terminals = console.Terminals(copy, lambda line, words: complaints.append(f"{challenge.text}:{line}: {words}"))
    try:
        for block in page.blocks:
            if block.language == "console":
                terminals.run(block)
    finally:
        terminals.end_all(len(page.lines))
    if complaints:
        raise NotRight("\n".join(["its page shows something else than its answer does", *complaints]))


def try_wrong(challenge, copy, patch):
    with open(patch, encoding="utf-8") as file:
        says = re.search(r"^Says: (.*)", file.read(), re.M)
    if not says:
        raise NotRight(f"{patch} must say with which words it is caught (Says: …)")
    answer(challenge, copy)
    put_in(copy, ".", patch)
    status, said, words = check(challenge, copy)
    if status == 0:
        raise NotRight(f"{patch}: the check passes")
    if says[1] not in words:
        raise NotRight(f'{patch}: nothing says "{says[1]}"\n{said}')


def try_challenge(challenge):
    copy = os.path.abspath(f"{folder}/{challenge.name}/project")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(".", copy, ignore=shutil.ignore_patterns(".git", "build", "workshop", "node_modules", "recordings",
                                                             "book", "__pycache__"))
    right, complaints = 0, []
    wrong = sorted(glob.glob(f"tests/challenges/{challenge.name}-*.patch"))
    for work, *words in [(try_unanswered,), (try_answer,), *((try_wrong, patch) for patch in wrong)]:
        try:
            work(challenge, copy, *words)
            right += 1
        except NotRight as complaint:
            complaints.append("\n    ".join(f"NOT RIGHT: {challenge.name}: {complaint}".splitlines()))
            if work is try_answer:
                break       # no wrong answer can be right then
    said = complaints or [f"passed: {challenge.name}: the beginning, the answer, {len(wrong)} wrong answers"]
    return right, len(complaints), "\n".join(said)


folder, *names = sys.argv[1:]
sys.exit(not side_by_side(try_challenge, [one for one in CHALLENGES if not names or one.name in names], 2))
