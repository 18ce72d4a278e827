"""recordings.py - the debugger's recordings as they are kept, and what the book makes of them

    lessons/book/recordings.py         says which recordings do not fit the source any more

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

sys.path.append(str(ROOT / "lessons" / "tools"))
from functions import functions_of  # noqa: E402

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


def problems(name):
    """What of a recording does not fit the source: a list of sentences."""
    found, first = [], {(f.file, f.name): f.first for f in functions()}
    for file, function, offset, text in load(name)["places"]:
        start = first.get((file, function))
        lines = source(file) if start else []
        if start is None or start + offset > len(lines) or lines[start + offset - 1] != text:
            found.append(f'recording {name}: {function} in {file} has changed: "{text.strip()}" is not line '
                         f"{offset + 1} of it any more (make recordings)")
    return found[:3]


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


if __name__ == "__main__":
    wrong = [problem for name in names() for problem in problems(name)]
    print("\n".join(wrong) or f"{len(names())} passed: the recordings fit the source")
    sys.exit(bool(wrong))
