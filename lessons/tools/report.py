"""report.py - what gcc's and clang's sanitizers report of a program, in few lines instead of sixty

    python3 lessons/tools/report.py FILE

The first line says what the program did, and where. Then come the line of source, the calls that led there,
and, if it is about memory or two threads, the other places. Nothing is printed if FILE has no report.
"""
import os
import re
import sys

MOST_CALLS = 4
FRAME = re.compile(r"\s*#(\d+) (?:0x\w+ in )?(\S+) (\S.*?):(\d+)(?::\d+)?(?: \(.*)?$")

# What a report calls it, and what it is; {} is "reads" or "writes".
KINDS = (
    ("buffer-overflow|underflow|unknown-crash", "{} outside of its memory"),
    ("use-after-free", "{} memory that it has freed"),
    ("use-after-(return|scope)", "{} a variable that is gone"),
    ("double-free", "frees the same memory twice"),
    ("attempting free|bad-free", "frees what malloc has not returned"),
    ("memcpy-param-overlap", "copies with memcpy between places that overlap"),
    ("stack-overflow", "crashed: segmentation fault (the stack is full)"),
    ("SEGV", "crashed: segmentation fault"),
    ("BUS", "crashed: bus error"),
    ("FPE", "crashed: a division by zero"),
    ("ABRT", "crashed: abort"),
    ("ILL", "crashed: illegal instruction"),
    ("data race", "has a data race: two threads use the same memory, and one of them writes it,"),
    ("thread leak", "has started threads that nobody joins or detaches,"),
)


class Call:
    def __init__(self, match):
        _, self.name, self.path, self.line = match.groups()
        self.file = os.path.basename(self.path)
        self.is_own = not re.match(r"\.\.|/usr|/build|nptl/|(.*/)?tests/|<", self.path) \
            and not re.match(r"(todo|harness|learn|show)\.c", self.file) and not self.name.startswith("__")

    def __str__(self):
        return f"{self.name}, {self.file}:{self.line}"

    def source(self):
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                line = file.read().split("\n")[int(self.line) - 1].strip()
        except (OSError, IndexError):
            return ""
        return line if len(line) <= 68 else line[:65] + "..."


class Stack:
    """The program's own calls, innermost first; the line above them says what they are."""

    def __init__(self, title):
        self.title, self.all, self.own = title.strip(), [], []

    def add(self, call):
        self.all.append(call)
        if call.is_own:
            self.own.append(call)

    def called(self):
        """The function of the C library that the program has called; "": none."""
        name = self.all[max(0, self.all.index(self.own[0]) - 1)].name if self.own else ""
        name = re.sub(r"^_*(interceptor_+|GI_+)?|_(avx|sse|evex|erms|unaligned|generic).*", "", name)
        return "" if self.own and name in (self.own[0].name, "abort") else name

    def where(self):
        if not self.own:
            return f"in the check itself, {self.all[0]}" if self.all else ""
        return f"in {self.called()}, called from {self.own[0]}" if self.called() else f"in {self.own[0]}"


def stacks_of(lines):
    found, title = [], ""
    for line in lines:
        match = FRAME.match(line)
        if match and (match[1] == "0" or not found):
            found.append(Stack(title))
        if match:
            found[-1].add(Call(match))
        elif line.strip():
            title = line
    return found


def kind_of(text):
    """What happened, in words; "": nothing."""
    undefined = re.search(r"runtime error: (.*)", text)
    if undefined and "null pointer" in undefined[1]:
        return f"uses a NULL pointer ({undefined[1]})"
    if undefined and "division by zero" in undefined[1]:
        return "divides by zero"
    if undefined:
        return f"does what C does not define ({undefined[1]})"
    leak = re.search(r"Direct leak of (\d+) byte", text)
    if leak:
        return f"never frees {leak[1]} bytes that it got"
    headline = re.search(r"(?:ERROR|WARNING): \w+Sanitizer: (?!failed to allocate)(.*?)( on | of | in |: | \(|$)",
                         text, re.M)
    if not headline:
        return ""
    null = " (a NULL pointer was used)" if "points to the zero page" in text else ""
    for pattern, words in KINDS:
        if re.search(pattern, headline[1]):
            return words.format("writes" if re.search("^WRITE of", text, re.M) else "reads") + null
    return f"is wrong: {headline[1]}"


def others(stacks, text):
    """The further places: where memory was allocated and freed, which variable it is, what the other thread did."""
    size = re.search(r"is located (\d+) bytes (?:to the right of|after) (\d+)-byte region", text)
    if size:
        yield f"That is offset {int(size[1]) + int(size[2])} in a block of {size[2]} bytes,"
    variable = re.search(r"'(\w+)'.*<== Memory access at offset \d+ (?:partially )?(\w+)", text)
    if variable:
        yield f"That {variable[2]} the variable {variable[1]}."
    shared = re.search(r"Location is global '(\w+)", text)
    if shared:
        yield f"That is the variable {shared[1]}. It is static or global, so all threads share it."
    for stack in stacks:
        kind = re.match("(freed|allocated|previous (?:atomic )?(?:read|write))",
                        stack.title.lower().removeprefix("previously "))
        if kind and stack.own:
            yield f"{kind[1]} {stack.where()}".replace("previous ", "the other thread: ")


def summary(text):
    """The report in few lines; "": there is none."""
    kind, stacks = kind_of(text), stacks_of(text.splitlines())
    if not kind:
        return ""
    first = next((stack for stack in stacks if stack.own), stacks[0] if stacks else Stack(""))
    lines = [f"{kind} {first.where()}".rstrip()]
    names = [call.name for call in first.own]
    again = next((name for name in names if names.count(name) >= 10), None)
    if again:
        lines.append(f"    {again} calls itself, again and again.")
    source = next((call for call in first.own if call.source() not in ("", "{")), None)
    if source:
        lines += ["", f"    {source.file}", f"        {source.source()}"]
    shown = list(dict.fromkeys(map(str, first.own)))[:MOST_CALLS]
    if shown:
        lines += ["", f"    in {shown[0]}", *(f"    called from {call}" for call in shown[1:])]
    more = list(others(stacks[stacks.index(first) + 1:] if stacks else [], text))
    return "\n".join(lines + ([""] if more else []) + [f"    {line}" for line in more]) + "\n"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", errors="replace") as report:
        print(summary(report.read()), end="")
