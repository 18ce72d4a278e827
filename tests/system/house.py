#!/usr/bin/env python3
"""Whether the house is in order: Makefile, texts, functions, headers and files fit together.

    tests/system/house.py       (make check-house does)

Each thing that is looked at counts once: passed, or failed with a line that says what is wrong.
"""
import os
import re
import sys

LONGEST = 60        # lines of a function in C, between its braces

# What is made, or a learner's.
NOT_OURS = {".git", "build", "node_modules", "__pycache__", "workshop", "server",
            "compile_commands.json"}
# Every file of these folders is taken, whatever its name.
WHOLE_FOLDERS = ("tests/mistakes/", "tests/challenges/", "tests/fuzz/corpus/", "tests/fuzz/crashes/", "lessons/book/recordings/")
# Read by tools that look for this name, or by people.
BY_CONVENTION = re.compile(r"(^|/)(\.[a-z].*|LICENSE|README\.md|README|Makefile|package(-lock)?\.json)$")

# "make check LESSON=3" if it is a command: in quotes, in parentheses, or in a line of its own. Not
# "(make does)", nor a list of packages that begins with make and git, nor what the server cannot do for
# now (it cannot make room).
COMMAND = re.compile(r"(?:^[ #*/]{4,}|[`\"(]|&& |\$ |run 0 |run red )"
                     r"make(?! does| git | room )((?: [-A-Za-z][^\s`\"');\\]*)+)", re.M)

# The table of a suite's tests, in its main: no code.
SUITE_TABLE = re.compile(r"^    static const struct test tests\[\] = \{\n.*?^    \};\n", re.M | re.S)

# Read as one, under this name, beside each alone.
MAKEFILES = "Makefile and *.mk"

results = []


def judge(holds, complaint):
    results.append(bool(holds))
    if not holds:
        print(complaint)


def read_texts():
    texts = {}
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(set(folders) - NOT_OURS)
        for name in set(names) - NOT_OURS:
            path = os.path.join(folder, name)[2:]
            with open(path, encoding="utf-8", errors="replace") as file:
                texts[path] = file.read()
    texts[MAKEFILES] = "".join(text for path, text in texts.items()
                               if path == "Makefile" or path.endswith(".mk"))
    return texts


def commands(texts):
    """What texts say to be typed: the path, and the targets behind "make"."""
    for path, text in texts.items():
        for found in COMMAND.finditer(text):
            yield path, [word for word in found[1].split() if word[0] != "-" and "=" not in word]


def check_targets(texts):
    makefile = texts[MAKEFILES].replace("\\\n", " ")
    rules = {}
    for target, rest in re.findall(r"^([a-z][a-z._-]*):(?!=)(.*)", makefile, re.M):
        rules[target] = rules.get(target, "") + rest
    recipes = re.findall(r"(?:\$\(MAKE\)|^SIDE_BY_SIDE =|^ALONE =)(.*)", makefile, re.M)
    lines = recipes + [rest.split("##")[0] for rest in rules.values()]
    used = {"all", "clean"}     # everybody knows these
    used.update(*(line.split() for line in lines), *(words for path, words in commands(texts)))
    for target, rest in rules.items():
        judge(" ## " in rest, f"Makefile: {target} has no help text (## behind its rule)")
        judge(target in used, f"Makefile: nobody uses {target}: no text says \"make {target}\", no rule")
    for path, words in commands(texts):
        judge(not words or words[0] in [*rules, "server"] or "/" in words[0],
              f"{path} says \"make {' '.join(words)}\", but there is no such target")


def check_functions(path, text):
    for body in re.finditer(r"^([a-z].*?)\n\{\n(.*?)^\}", text, re.M | re.S):
        name = re.search(r"(\w+)\([^(]*$", body[1].split("\n\n")[-1])
        lines = SUITE_TABLE.sub("", body[2]).count("\n")
        judge(lines <= LONGEST,
              f"{path}: {name and name[1]} has {lines} lines; the longest may have {LONGEST}")


def declarations(header):
    """The names that a header gives away."""
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    names = re.findall(r"^#define (\w+)", code, re.M)
    names += re.findall(r"^(?:static inline )?[a-z][\w *]*?\b(\w+)\([^;{]*[;{]", code, re.M)
    externs = " ".join(re.findall(r"^extern .*?;", code, re.M | re.S))
    return set(names + re.findall(r"(\w+)(?:\[\d+\])?[,;]", externs))


def check_header(path, texts):
    own = path[:-1] + "c"
    others = "\n".join(text for other, text in texts.items() if other.endswith((".c", ".h"))
                       and other not in (path, own) and not other.startswith(WHOLE_FOLDERS))
    for name in sorted(declarations(texts[path])):
        word = re.compile(rf"\b{name}\b")
        judge(word.search(others) or len(word.findall(texts[path])) > 1,
              f"{path}: nobody but {own} uses {name}: it belongs there")


def check_mentioned(path, texts):
    if path.startswith(WHOLE_FOLDERS) or BY_CONVENTION.search(path):
        return
    if "/" not in path and path.endswith(".c") and path[:-1] + "h" in texts:
        return      # the Makefile builds it, because of its header
    name = os.path.basename(path)
    built = re.compile(rf"\b{re.escape(name.rsplit('.', 1)[0])}\b")
    imported = re.compile(rf"^(?:from|import) {re.escape(name.removesuffix('.py'))}\b", re.M)
    judge(any(name in text or imported.search(text) for other, text in texts.items()
              if other not in (path, MAKEFILES))
          or built.search(texts[MAKEFILES]), f"{path}: nothing mentions it")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    texts = read_texts()
    check_targets(texts)
    for path, text in sorted(texts.items()):
        if path.endswith((".c", ".h")):
            check_functions(path, text)
        if path.endswith(".h"):
            check_header(path, texts)
        if path != MAKEFILES:
            check_mentioned(path, texts)
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(not all(results))


main()
