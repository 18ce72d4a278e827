#!/usr/bin/env python3
"""The functions of C files, by the layout that all of ours have, and what the course makes of them.

    lessons/tools/functions.py list FILE...                     a line each, see Function.row
    lessons/tools/functions.py show NAME FILE                   one of them, with its comment
    lessons/tools/functions.py stage LESSON FOLDER [FUNCTION]   a stage of the course
    lessons/tools/functions.py rest WORKSHOP FOLDER             a learner's code, and the rest of ours

A function's comment stands directly above it, and its closing brace is in the first column. The comment
begins with its lesson, "Lesson 7. Makes the accept key", or "Lesson 7, provided."; a stage leaves out
what is of its own lesson and of later ones. "The server runs without it" makes its TODO do nothing. A
function that calls TODO or TODO_LATER, however that line is indented, is unwritten.
"""
import os
import re
import shutil
import sys

TODO = re.compile(r"\b(TODO|TODO_LATER)[ \t]*\(")
NO_CODE = re.compile(r'"([^"\\\n]|\\.)*"|/\*.*?\*/|//[^\n]*', re.S)


class Function:
    """Where it is: lines from 1 on; `brace` is that of the opening brace. `lesson` is 0 without one."""

    def __init__(self, path, comment, first, head, brace):
        self.path, self.first, self.brace, self.head = path, first, brace, head
        self.file = os.path.basename(path)
        self.name = re.search(r"\b(?!__)(\w+)\s*\(", head)[1]    # not __attribute__
        self.commented = first - len(comment) if comment else first
        self.words = " ".join(re.sub(r"^/?\*+ ?|\s*\*/$", "", line.strip()) for line in comment)
        begins = re.match(r"Lesson (\d+)(, provided)?\. ", self.words)
        self.lesson = int(begins[1]) if begins else 0
        self.provided = bool(begins and begins[2])
        self.todo = self.last = None    # the line of its TODO; that of its closing brace

    @property
    def is_written_by_learner(self):
        return self.lesson > 0 and not self.provided

    def row(self):
        """LESSON NAME FILE LINE STATE, with tabs; LINE is that of its TODO, if there is one."""
        state = "unwritten" if self.todo else "provided" if self.provided else "written"
        return f"{self.lesson}\t{self.name}\t{self.path}\t{self.todo or self.first}\t{state}"

    def unwritten(self):
        """What stands in its place, from the opening brace on."""
        sentence = re.sub(r"^Lesson \d+\. ", "", self.words).split(". ")[0].rstrip(".")
        sentence = sentence.replace("\\", "\\\\").replace('"', '\\"')
        macro = "TODO_LATER" if "server runs without it" in self.words else "TODO"
        lines = ["{", f'    {macro}({self.lesson}, "{sentence}");', "    return 0;", "}"]
        return [line for line in lines if line != "    return 0;"
                or not re.match(r"(static )?void [^*]", self.head)]


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return [line.removesuffix("\r") for line in file.read().split("\n")]


def write(path, lines):
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(lines))


def functions_of(path, lines=None):
    """All functions of a file, in order."""
    found, comment, head, first = [], [], "", 0
    in_comment, inside = False, None    # inside is a function, or False: a table, say
    for number, line in enumerate(read(path) if lines is None else lines, 1):
        if inside is None and line.startswith("/*"):
            comment, head, in_comment = [], "", True
        if in_comment:
            comment.append(line)
            in_comment = "*/" not in line
            continue
        code = line
        if inside is None:
            if not line or line.startswith(("#", "//")):
                head = ""
                continue
            if not head:
                first = number
            head += " " + line if head else line
            if "{" not in line:
                if ";" in line:     # a declaration
                    comment, head = [], ""
                continue
            head, code = head[:head.index("{")].strip(), line[line.index("{") + 1:]
            inside = "(" in head and "=" not in head and Function(path, comment, first, head, number)
            comment, head = [], ""
            ends = re.search(r"\}[; \t]*$", line)
        else:
            ends = line.startswith("}")
        if inside and TODO.search(NO_CODE.sub("", code)):
            inside.todo = number
        if ends:
            if inside:
                inside.last = number
                found.append(inside)
            inside = None
    return found


def sources(folder="."):
    """The server's C files: each part has a header of its name."""
    return ["server.c", *sorted(name[:-1] + "c" for name in os.listdir(folder) if name.endswith(".h"))]


def shown(function):
    return read(function.path)[function.commented - 1:function.last]


def stage(lesson, folder, without=None):
    """Writes the finished code without the functions of this lesson and of later ones, and without that."""
    os.makedirs(folder, exist_ok=True)
    for name in [*(name for name in os.listdir(".") if name.endswith(".h")), "lessons/tools/todo.h"]:
        shutil.copy(name, folder)
    for source in sources():
        lines = read(source)
        for function in reversed(functions_of(source, lines)):
            if function.is_written_by_learner and (function.lesson >= lesson or function.name == without):
                lines[function.brace - 1:function.last] = function.unwritten()
        lines.insert(next(i for i, line in enumerate(lines) if line.startswith('#include "')),
                     '#include "todo.h"')
        write(os.path.join(folder, source), lines)


def place(line, path):
    """Tells the compiler, and so the debugger, where the next line really is."""
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'#line {line} "{quoted}"'


def replaced(path, others):
    """The lines of a file with other functions in the place of some; others has them by name."""
    lines = read(path)
    for function in reversed(functions_of(path, lines)):
        other = others.get(function.name)
        if other:
            lines[function.first - 1:function.last] = [
                place(other.first, other.path), *read(other.path)[other.first - 1:other.last],
                place(function.last + 1, path)]
    return [place(1, path), *lines]


def rest(workshop, folder):
    """Writes a program that has the learner's functions, and where one is unwritten, the finished one."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(workshop):
        if name.endswith(".h"):
            shutil.copy(os.path.join(workshop, name), folder)
    for source in sources():
        path = os.path.join(workshop, source)
        missing = {function.name for function in functions_of(path) if function.todo}
        ours = {function.name: function for function in functions_of(source) if function.name in missing}
        write(os.path.join(folder, source), replaced(path, ours))


def main(what, *words):
    if what == "list":
        for path in words:
            print("".join(function.row() + "\n" for function in functions_of(path)), end="")
    elif what == "show":
        print("\n".join(line for function in functions_of(words[1]) if function.name == words[0]
                        for line in shown(function)))
    elif what == "stage":
        stage(int(words[0]), *words[1:])
    elif what == "rest":
        rest(*words)


if __name__ == "__main__":
    main(*sys.argv[1:])
