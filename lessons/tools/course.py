#!/usr/bin/env python3
"""The lessons, as lessons/course.toml and the code tell of them.

    lessons/tools/course.py table      the table of lessons/README.md
    lessons/tools/course.py update     writes that table into lessons/README.md
"""
import glob
import os
import re
import sys
import tomllib

from functions import functions_of, sources

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
README = "lessons/README.md"
TABLE = re.compile(r"^\| \| lesson \| .*?\n(?=\n)", re.M | re.S)


class Lesson:
    """The fields of course.toml, with what follows from them."""

    def __init__(self, number, name, shows, minutes, notes, check, own=False):
        self.number, self.name, self.shows, self.minutes, self.notes = number, name, shows, minutes, notes
        self.check, self.own = check, own
        words = re.sub(r"[^\w\- ]", "", name).replace(" ", "-")
        self.folder = f"{number:02}-{words}"
        self.text = f"lessons/{self.folder}/README.md"

    @property
    def has_something_to_write(self):
        return self.check != "none"

    @property
    def suite(self):
        found = glob.glob(f"tests/suites/{self.number:02}_*.c")
        return os.path.basename(found[0])[:-2] if found else None

    @property
    def is_fair_to_others(self):
        """Whether its check asks a server for nothing but bytes."""
        return self.check.startswith("over the wire") and not self.own

    def functions(self):
        """Those that a learner writes, in the order in which its text has them written."""
        found = [function for source in sources() for function in functions_of(source)
                 if function.is_written_by_learner and function.lesson == self.number]
        with open(self.text, encoding="utf-8") as file:
            writing = file.read().partition("\n## Write it\n")[2].partition("\n## ")[0]
        places = {function.name: writing.find(f"`{function.name}`") for function in found}
        return sorted(found, key=lambda function: (places[function.name] < 0, places[function.name]))

    def row(self):
        functions = len(self.functions())
        check = self.check
        if check == "calls":
            check += " them" if functions > 1 else " it"
        notes = ", ".join(f"[{note}](notes.md#{note.lower()})" for note in self.notes)
        cells = [f"{self.number:02}", f"[{self.name}]({self.folder}/README.md)", self.shows, str(self.minutes),
                 str(functions), notes, check]
        return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|\n"


class Challenge:
    """One of those that come after the lessons."""

    def __init__(self, name, title, minutes, place):
        self.name, self.title, self.minutes, self.place = name, title, minutes, place
        self.folder = f"lessons/challenges/{name}"
        self.text = f"{self.folder}/README.md"
        patch = f"{self.folder}/answer.patch"
        # A change of files that are there, or files that are new.
        self.answer = patch if os.path.exists(os.path.join(ROOT, patch)) else f"{self.folder}/answer"


with open(os.path.join(ROOT, "lessons", "course.toml"), "rb") as toml:
    FACTS = tomllib.load(toml)
LESSONS = [Lesson(**fields) for fields in FACTS["lesson"]]
CHALLENGES = [Challenge(**fields) for fields in FACTS["challenge"]]
LAST = LESSONS[-1].number
# The lessons after it have nothing to write.
LAST_TO_WRITE = max(lesson.number for lesson in LESSONS if lesson.has_something_to_write)


def table():
    head = ("| | lesson | at the end | minutes | functions | notes | check |\n"
            "| --- | --- | --- | --- | --- | --- | --- |\n")
    return head + "".join(lesson.row() for lesson in LESSONS)


def update():
    with open(README, encoding="utf-8") as file:
        before = file.read()
    after = TABLE.sub(lambda _: table(), before, count=1)
    if after != before:
        with open(README, "w", encoding="utf-8") as file:
            file.write(after)


if __name__ == "__main__":
    os.chdir(ROOT)
    if sys.argv[1] == "update":
        update()
    else:
        print(table(), end="")
