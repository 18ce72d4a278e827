"""recorder.py - a part of gdb: while a tour plays itself, it writes down every line that is executed

record.py loads it after lessons/tools/tour.py and before the tour. It has a breakpoint at each line of the
functions of the lessons so far, which writes what can be seen there and lets the program go on; so all
threads run as they would, and the tour shows what it always shows. A thread's lines are a recording of their
own, in order, whatever the others do meanwhile; when the tour stops in a thread, what that thread has done
since its last stop is written to RECORDING, as JSON, a line each.

RECORDING_FUNCTIONS names the functions; all others are stepped over, as library calls are. A line that a loop
repeats is written ROUNDS times, in other lessons' functions ROUNDS_ELSEWHERE times.
"""
import functools
import glob
import json
import os
import re

import gdb

ROUNDS, ROUNDS_ELSEWHERE = 24, 2
WINDOW = 256          # bytes of the read buffer that are kept
LONGEST = 48          # characters of a text that are kept
MOST_FIELDS = 9       # of a struct
LENGTHS = {"key": 4, "header": 14, "argument": None}  # of what these pointers lead to
UNSET = 0xFE          # what the compiler fills a variable with that was not set yet: see record.py
CLOCKED = {"clients_check_time", "wait_for_workers_locked"}  # what they do depends on the clock: stepped over
LESSON = int(os.environ["RECORDING_LESSON"])
FILE = open(os.environ["RECORDING"], "w", encoding="utf-8")
RECORDED = {(f["file"], f["name"]): f["lesson"] for f in json.loads(os.environ["RECORDING_FUNCTIONS"])}


OWN_STRUCTS = {tag for name in glob.glob("*.[ch]") for tag in re.findall(r"\bstruct (\w+) \{", open(name).read())}
DIFFERS = re.compile(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT|^\d{4,5}$")  # from run to run: a date, a port


# ---- values, in words that are the same in every run ----


def is_unset(value):
    size = value.type.sizeof
    if size == 1 and value.type.code != gdb.TYPE_CODE_BOOL:
        return False
    return value.address is not None and read_bytes(value.address, size) == bytes([UNSET]) * size


def is_there(pointer):
    """Whether a pointer leads to memory: it may not have been set yet, or what it leads to was freed."""
    try:
        return read_bytes(pointer, 1) != b""
    except gdb.MemoryError:
        return False


def quoted(data):
    if data.startswith(bytes([UNSET])):
        return "?"
    data = data.split(b"\0")[0].split(bytes([UNSET, UNSET]))[0]
    text = steady(data.decode("utf-8", "backslashreplace"))
    text = DIFFERS.sub("…", text).replace(os.getcwd() + "/", "")  # whose folder it is matters to nobody
    text = text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
    return '"' + (text if len(text) <= LONGEST else text[:LONGEST] + "…") + '"'


def bytes_words(data):
    known = data.rstrip(bytes([UNSET])) if data.endswith(bytes([UNSET, UNSET])) else data
    return known[:16].hex(" ") + (" …" if len(known) > 16 else " ?" if known != data else "")


def is_text(kind):
    return kind.code == gdb.TYPE_CODE_INT and kind.sizeof == 1 and kind.is_signed


def pointer_words(value, length, stream):
    address, target = int(value), value.type.strip_typedefs().target().strip_typedefs()
    if address == 0:
        return "NULL"
    if target.code == gdb.TYPE_CODE_FUNC:
        return "→ " + value.format_string(symbols=True).split("<")[-1].rstrip(">")
    if stream is not None:
        for name in ("in", "out"):  # a place in the buffer says more than the bytes there
            offset = address - int(stream[name].address)
            if 0 <= offset < stream[name].type.sizeof and target.sizeof <= 1:
                return f"→ {name} + {offset}"
    if is_text(target):
        return quoted(value.string("latin-1", length=4 * LONGEST).encode("latin-1"))
    if target.code == gdb.TYPE_CODE_STRUCT:
        return "→ " + words(value.dereference(), None, stream)
    if target.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_BOOL) \
            and target.sizeof > 1:
        return "→ " + words(value.dereference(), None, stream)
    if length is None or length == 0:
        return "→ …" if length is None else "→ nothing"
    data = read_bytes(value, min(length, 17))
    return "→ " + ("?" if data and data.count(UNSET) == len(data) else bytes_words(data))


def struct_words(value, stream):
    if value.type.strip_typedefs().tag not in OWN_STRUCTS:
        return "{…}"
    told = []
    for field in value.type.strip_typedefs().fields():
        kind = field.type.strip_typedefs()
        is_string = kind.code in (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_PTR) and is_text(kind.target().strip_typedefs())
        number = kind.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_BOOL)
        if (is_string or number) and field.name and not field.name.endswith(("_ms", "_us", "fd", "thread")):
            told.append(f"{field.name} {words(value[field], None, stream)}")
    return "{" + ", ".join(told[:MOST_FIELDS]) + (", …" if len(told) > MOST_FIELDS else "") + "}"


def words(value, length, stream):
    kind = value.type.strip_typedefs()
    if is_unset(value):
        return "?"
    if kind.code == gdb.TYPE_CODE_PTR:
        return pointer_words(value, length, stream)
    if kind.code == gdb.TYPE_CODE_ARRAY:
        target = kind.target().strip_typedefs()
        data = read_bytes(value.address, min(kind.sizeof, 4 * LONGEST))
        if data.count(UNSET) == len(data):
            return "?"
        return quoted(data) if is_text(target) else bytes_words(data) if target.sizeof == 1 else "[…]"
    if kind.code == gdb.TYPE_CODE_STRUCT:
        return struct_words(value, stream)
    if is_text(kind):
        return f"'{chr(int(value) & 255)}'" if 32 <= int(value) < 127 else f"0x{int(value) & 255:02x}"
    if kind.code == gdb.TYPE_CODE_INT and kind.sizeof == 1:
        return f"0x{int(value):02x}"
    if value.type.name in ("time_t", "pthread_t"):
        return "…"
    text = steady(value.format_string())
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def safe_words(value, length, stream):
    try:
        return words(value, length, stream)
    except gdb.error:
        return "…"  # memory that cannot be read


def variables(frame, line, stream):
    """Arguments, and the locals that were declared above the line, the innermost scope's last."""
    found, block = [], frame.block()
    if line <= opening_line(frame.function()):
        return {}  # a function has no arguments yet
    while block is not None:
        found[:0] = [(s, s.value(frame)) for s in block if (s.is_argument or (s.is_variable and s.line < line))
                     and s.addr_class != gdb.SYMBOL_LOC_STATIC]
        if block.function:
            break
        block = block.superblock
    values = {symbol.name: value for symbol, value in found}
    told = {}
    for name, value in values.items():
        is_time = name.endswith(("_ms", "_us"))
        told[name] = "…" if is_time else safe_words(value, length_of(name, values), stream)
    return told


def length_of(name, values):
    """How many bytes a pointer leads to, if a variable beside it says so."""
    size = values.get(name + "_length", values.get("length", values.get("size")))
    if name in LENGTHS:
        return LENGTHS[name]
    if size is None or size.type.strip_typedefs().code != gdb.TYPE_CODE_INT or is_unset(size):
        return None
    return int(size)


# ---- what can be seen at a line ----


@functools.cache
def source_of_file(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def source_of(symtab):
    return source_of_file(symtab.fullname())


def opening_line(function):
    """The line of a function's first brace: before it, arguments do not have their values yet."""
    return source_of(function.symtab).index("{", function.line - 1) + 1


def connection_of(frame):
    for one in frames(frame):
        for _, value in arguments(one) if is_own(one) else []:
            name = struct_name(value)
            if name in ("websocket", "request") and is_there(value) and is_there(value["source"]):
                return int(value["source"]["connection"])
            if name == "client" and is_there(value):
                return int(value["number"])
    return 0


def buffer_of(stream):
    start, end = int(stream["in_start"]), int(stream["in_end"])
    first = max(0, min(start, end - WINDOW)) // 16 * 16 if end > WINDOW else 0
    return {"start": start, "end": end, "first": first,
            "bytes": read_bytes(stream["in"][0].address + first, min(end - first, WINDOW)).hex(),
            "out": int(stream["out_length"])}


def place(frame):
    return [file_of(frame), frame.name(), frame.find_sal().line]


def look(thread, stack):
    """What can be seen: the stack's lines, variables, buffer, and what has crossed the wire."""
    frame = stack[0]
    stream = find_stream(frame)
    seen = {"thread": thread.num, "name": thread_words(thread),
            "at": place(frame), "under": [place(f) for f in stack[1:]],
            "variables": variables(frame, frame.find_sal().line, stream)}
    if stream is not None and is_there(stream):
        seen |= {"buffer": buffer_of(stream), "connection": connection_of(frame),
                 "received": int(stream["received"]),
                 "sent": int(gdb.parse_and_eval("bytes_sent")[int(stream["fd"])])}
    return seen


# ---- a thread's lines ----


class Activation:
    """A function's call: the line that was written last, and how often each was. It is silent if the line
    that has called it was repeated too often."""

    def __init__(self, name, callers):
        self.name, self.line, self.counts = name, None, {}
        self.silent = bool(callers) and (callers[-1].silent or callers[-1].over)
        self.over = False


class Thread:
    by_number = {}

    def __init__(self):
        self.calls, self.waiting = [], []

    @staticmethod
    def get(number):
        return Thread.by_number.setdefault(number, Thread())

    def is_new(self, stack, begins):
        """Whether a line is to be written: not one that goes on after a call, and not the 100th round's.
        A function's first line is a new call, unless gdb tells of it twice, as it may where the tour stops."""
        frame, depth = stack[0], len(stack)
        name, line = frame.name(), frame.find_sal().line
        del self.calls[depth:]
        if len(self.calls) < depth or self.calls[-1].name != name or begins and self.calls[-1].line != line:
            del self.calls[depth - 1:]
            while len(self.calls) < depth - 1:
                self.calls.append(Activation(None, self.calls))
            self.calls.append(Activation(name, self.calls))
        call = self.calls[-1]
        if call.line == line:
            return False
        call.line = line
        call.counts[line] = call.counts.get(line, 0) + 1
        own = RECORDED.get((file_of(frame), name)) == LESSON
        call.over = call.counts[line] > (ROUNDS if own else ROUNDS_ELSEWHERE)
        return not call.over and not call.silent


def problems_are_written(function):
    """What goes wrong in a function that gdb calls is written: gdb would only print it, and a tour shows only
    what it wants to."""
    @functools.wraps(function)
    def guarded(*arguments):
        try:
            return function(*arguments)
        except Exception as error:
            write({"problem": f"{type(error).__name__}: {error}"})
            return False
    return guarded


class Line(gdb.Breakpoint):
    """At the first instruction of a line, or of a part of one."""

    def __init__(self, address, begins):
        super().__init__(f"*{address}", internal=True)
        self.silent, self.begins = True, begins

    @problems_are_written
    def stop(self):
        thread = gdb.selected_thread()
        stack = [f for f in frames(gdb.newest_frame()) if is_own(f)]
        if any(f.name() in CLOCKED for f in stack):
            return False
        mine = Thread.get(thread.num)
        if mine.is_new(stack, self.begins):
            mine.waiting.append(look(thread, stack))
        return False


# A declaration that sets nothing: only the pattern of record.py's compiler makes a line of it.
DECLARATION = re.compile(r"\s*(?!return\b|goto\b)(?:\w+ )+[\w\s,*\[\]]+;\s*$")


def is_declaration(symtab, line):
    return DECLARATION.match(re.sub(r"/\*.*", "", source_of(symtab)[line - 1]))


def place_lines():
    for file, name in RECORDED:
        try:
            place = gdb.decode_line(f"{file}:{name}")[1][0]
        except (gdb.error, TypeError):
            continue  # not in this program
        block = gdb.block_for_pc(place.pc)
        while block.function is None:
            block = block.superblock
        addresses = sorted({entry.pc for entry in place.symtab.linetable()
                            if block.start <= entry.pc < block.end and entry.line > opening_line(block.function)
                            and not is_declaration(place.symtab, entry.line)})
        for address in addresses:
            Line(address, address == addresses[0])


# ---- the tour ----


def write(entry):
    FILE.write(json.dumps(entry, ensure_ascii=False) + "\n")
    FILE.flush()


@problems_are_written
def at_stop(event):
    """Writes what the thread has done since its last stop, and what it looks like now."""
    thread = gdb.selected_thread()
    mine = Thread.get(thread.num)
    stack = [f for f in frames(gdb.newest_frame()) if is_own(f)]
    if stack:
        now = look(thread, stack)
        if not mine.waiting or mine.waiting[-1] != now:
            mine.waiting.append(now)
    for seen in mine.waiting:
        write(seen)
    mine.waiting = []
    write({"stop": event.breakpoints[0].number if hasattr(event, "breakpoints") else 0})


tour_out = out


def out(text=""):
    tour_out(text)
    if text.startswith("| " + ASKS):
        write({"asked": text.removeprefix("| " + ASKS)})
    elif text.startswith("| "):
        write({"said": text[2:]})


tour_play = play


def play(command):
    tour_play(command)
    locking = re.match(r"set scheduler-locking (on|off)", command)
    if locking:  # turns.c: the thread whose turn it is may be one that is held now
        gdb.execute(f"set var turns_off = {int(locking[1] == 'on')}")


gdb.execute("handle SIGALRM nostop noprint nopass", to_string=True)  # main's look at the clock, each second
gdb.events.stop.connect(at_stop)
place_lines()
