"""recordings.py - the debugger's recordings as they are kept, and what the book makes of them

A recording names a line by its function and its number inside it, so that it holds when other functions of
the file grow; it has the line's text, so that a change of that line is noticed.
"""
import collections
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "lessons/tools"))
from functions import functions_of, sources  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent / "recordings"


def functions():
    """Every function of the server, file by file."""
    return [function for name in sources(ROOT) for function in functions_of(str(ROOT / name))]


def names():
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def exists(name):
    return (FOLDER / f"{name}.json").is_file()


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def source(file):
    return (ROOT / file).read_text(encoding="utf-8").splitlines()


def command(names):
    """What makes these recordings anew."""
    lessons = " ".join(name.lstrip("0") for name in names)
    return f"make recordings LESSON={lessons}" if len(names) == 1 else f'make recordings LESSON="{lessons}"'


def changed_lines():
    """Which recorded lines are not in the source as they are recorded: a list of sentences, one a function."""
    found, table = {}, {(f.file, f.name): f for f in functions()}
    for name in names():
        for file, function, offset, text in load(name)["places"]:
            now = table.get((file, function))
            line = now.first + offset if now else 0
            is_there = now and line <= now.last
            if is_there and source(file)[line - 1] == text:
                continue
            lines = found.setdefault((file, function), {"line": line, "was": text, "names": set(),
                                                        "is": source(file)[line - 1] if is_there else None})
            lines["names"].add(name)
            if line < lines["line"]:
                lines.update({"line": line, "was": text, "is": source(file)[line - 1] if is_there else None})
    return [sentence(file, function, lines) for (file, function), lines in found.items()]


def sentence(file, function, lines):
    where, again = f"{file}:{lines['line']}, in {function}", command(sorted(lines["names"]))
    if lines["is"] is None:
        return f"{file} has no such line any more in {function}: {lines['was'].strip()}\n    {again}"
    return f"{where}, has changed\n    from  {lines['was'].strip()}\n    to    {lines['is'].strip()}\n    {again}"


def states(recording):
    """What can be seen at each step: a step has only what differs from the step before it."""
    told, state, places = [], {"variables": {}}, [f"{p[1]} ({p[0]}): {p[3].strip()}" for p in recording["places"]]
    for step in recording["steps"]:
        variables = {name: value for name, value in {**state["variables"], **step.get("variables", {})}.items()
                     if value is not None}
        state = {**state, **step, "variables": variables}
        told.append({**state, "at": places[state["at"]], "under": [places[i] for i in state["under"]]})
    return told


def best_for():
    """Where each recorded function is seen best, and from which step on: {name: (recording, step)}. That is
    its own lesson's recording, or the whole session's, or the first one that has it."""
    found, lessons = {}, {function.name: f"{function.lesson:02}" for function in functions() if function.lesson}
    for name in sorted(names(), key=lambda name: name != "session"):
        recording, at = load(name), None
        for number, step in enumerate(recording["steps"]):
            at = step.get("at", at)
            function = recording["places"][at][1]
            if function not in found or name == lessons.get(function) != found[function][0]:
                found[function] = (name, number)
    return found


def resolved(name):
    """A recording with the files' own line numbers, and the source of its functions."""
    recording, table = load(name), {(f.file, f.name): f for f in functions()}
    used = {(place[0], place[1]) for place in recording["places"]}
    recording["functions"] = {}
    for key in sorted(used):
        function = table[key]
        recording["functions"]["/".join(key)] = {
            "first": function.first, "lesson": function.lesson,
            "lines": source(function.file)[function.first - 1:function.last]}
    recording["places"] = [place[:3] for place in recording["places"]]
    return recording
