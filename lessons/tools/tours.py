#!/usr/bin/env python3
"""Plays the debugger tours with nobody at the keyboard, and prints what they show, writes it into the lessons,
or compares it with what they say.

    lessons/tools/tours.py print|update|check [LESSON...]    without LESSON: all that have a tour

A lesson shows its tour in the one block that begins with ```gdb, in its README's section "Step through it".
build/tours keeps what was played.
"""
import difflib
import os
import re
import subprocess
import sys

import functions
import learner
from course import LAST_TO_WRITE, LESSONS, ROOT

PLAYED_IN = "build/tours"
BLOCK = re.compile(r"^```gdb *\n(.*?)^``` *$", re.M | re.S)
SECTION = re.compile(r"^## Step through it *\n.*?(?=^## |\Z)", re.M | re.S)


def contents(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def compare(path, transcript):
    """Says how the lesson differs from what the tour shows. Returns whether it does not."""
    section = SECTION.search(contents(path))
    blocks = BLOCK.findall(section[0]) if section else []
    if len(blocks) != 1:
        print(f'tours: {path} must have one ```gdb block in its section "Step through it"')
        return False
    difference = list(difflib.unified_diff(blocks[0].splitlines(), transcript.splitlines(), f"{path}, what it says",
                                           "what the tour shows now", lineterm=""))
    if difference:
        print(*difference, f"tours: the transcript in {path} is not what the tour shows. If the tour is right: "
              "make tours UPDATE=1", sep="\n")
    return not difference


def update(path, transcript):
    before = contents(path)
    after = SECTION.sub(lambda section: BLOCK.sub(lambda _: f"```gdb\n{transcript}```", section[0], count=1), before)
    if after != before:
        with open(path, "w", encoding="utf-8") as file:
            file.write(after)
        print(f"{path}: the tour's transcript is new")


def play(what, lesson, workshop=""):
    """Returns whether the tour was played to its end, and shows what the lesson says."""
    played = os.path.abspath(f"{PLAYED_IN}/{lesson.number}")
    environment = {**os.environ, "LESSON": str(lesson.number), "TRANSCRIPT": played, "WORKSHOP": workshop}
    if subprocess.run([sys.executable, "lessons/tools/debug.py"], env=environment, check=False).returncode:
        return False
    if what == "print":
        print(f"---- lesson {lesson.number} ----\n{contents(played)}", end="", flush=True)
        return True
    if what == "update":
        update(lesson.text, contents(played))
    return compare(lesson.text, contents(played))


def main(what, *words):
    learner.make_folder(PLAYED_IN)
    lessons = [learner.lesson_of(word) for word in words] or LESSONS[:LAST_TO_WRITE]
    played = [play(what, lesson) for lesson in lessons]
    # One on a workshop that is written to lesson 3: the rest is the finished code's.
    if what == "check" and not words:
        functions.stage(4, f"{PLAYED_IN}/workshop")
        played.append(play(what, LESSONS[2], f"{PLAYED_IN}/workshop"))
    if not all(played):
        sys.exit(f"tours: {played.count(False)} of {len(played)} failed")
    if what != "print":
        print(f"{len(played)} tours played to their ends, and the lessons show them as they are")


if __name__ == "__main__":
    os.chdir(ROOT)
    main(*sys.argv[1:])
