"""tour.py - what the debugger tours are made of: commands for gdb

make debug LESSON=9 loads this file into gdb, and then the lesson's tour.gdb, which says where to stop
and what to look at there. In any other session, "source lessons/tools/tour.py" brings the helper
commands: stream, frame-bits, clients, request, message, events. Each explains itself: "help stream".

The same tour is also played without anybody at the keyboard (make tours), for the transcript that the
lesson shows: then TOUR_TRANSCRIPT names the file to write, what a reader would type is typed here, and
what differs from run to run (addresses, ids, ports, line numbers) is left out.
"""
import glob
import os
import re
import shlex
import shutil
import socket
import textwrap

import gdb

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# Each part of the server has a header of its name, as in functions.py.
OWN_FILES = ["server.c", *(os.path.basename(p)[:-1] + "c" for p in glob.glob(os.path.join(ROOT, "*.h")))]
TRANSCRIPT = os.environ.get("TOUR_TRANSCRIPT")  # the file to write; None: somebody sits at the prompt
CLIENT_FILE = os.environ.get("TOUR_CLIENT")  # where a scripted client waits to be told the port
ASKS = "Predict first: "  # what a question of a tour begins with
SERVER_OUTPUT = TRANSCRIPT + ".server" if TRANSCRIPT else None


def is_played():
    return TRANSCRIPT is not None


def out(text=""):
    """Prints a line: for the reader at the prompt, or into the transcript."""
    if is_played():
        with open(TRANSCRIPT, "a", encoding="utf-8") as file:
            file.write(text.rstrip() + "\n")
    else:
        Say.tell()  # what was said before comes first
        gdb.write(text + "\n")


# ---- where we are ----


def file_of(frame):
    symtab = frame.find_sal().symtab
    return os.path.basename(symtab.filename) if symtab else None


def is_own(frame):
    return file_of(frame) in OWN_FILES


def frames(start=None):
    """The frames from the selected one up to the thread's first."""
    frame = start or gdb.selected_frame()
    while frame is not None and frame.is_valid():
        yield frame
        frame = frame.older()


def thread_words(thread):
    """What a thread is called; a new one bears its maker's name until it has got its own."""
    if thread.num == 1:
        return "the main thread"
    new = gdb.newest_frame().name() in ("worker", "send_events", "print_events")
    return "a new thread" if new else thread.name


def source_line(frame):
    """The line that a frame is about to run, with its number, as gdb itself would show it."""
    place = frame.find_sal()
    if place.symtab is None or not is_own(frame):
        return None
    try:
        with open(place.symtab.fullname(), encoding="utf-8") as file:
            text = file.read().splitlines()[place.line - 1]
    except (OSError, IndexError):
        return None
    return ("…" if is_played() else str(place.line)).ljust(8) + text.expandtabs()


# ---- what the program holds ----


def arguments(frame):
    """The arguments of a frame's function: they have their values from its first line on."""
    try:
        block = frame.block()
    except RuntimeError:
        return
    while block is not None and block.function is None:
        block = block.superblock
    for symbol in block or []:
        if symbol.is_argument:
            yield symbol.name, symbol.value(frame)


def struct_name(value):
    kind = value.type.strip_typedefs()
    if kind.code != gdb.TYPE_CODE_PTR:
        return None
    return kind.target().unqualified().strip_typedefs().tag


def find(*tags, start=None):
    """The nearest argument that points to one of these structs, in this frame or in its callers."""
    threads = {"worker": "client", "send_messages": "sender"}  # what a thread's own function is passed
    for frame in frames(start):
        for name, value in arguments(frame) if is_own(frame) else []:
            if struct_name(value) in tags and int(value) != 0:
                return value
            if name == "argument" and threads.get(frame.name()) in tags:
                return value.cast(gdb.lookup_type("struct " + tags[0]).pointer())
    return None


def find_stream(start=None):
    """The stream of the client that the selected thread serves."""
    value = find("client", "stream", "websocket", start=start)
    if value is None:
        value = find("sender", start=start)
        return None if value is None else value["ws"]["stream"]
    ways = {"stream": lambda: value, "websocket": lambda: value["stream"],
            "client": lambda: value["stream"].address}
    return ways[struct_name(value)]()


def find_address(start):
    """The address of the client that a thread serves; none in a thread that serves no client."""
    sender = find("sender", start=start)
    if sender is not None:
        return text_at(sender["ws"]["source"]["address"][0].address)
    client = find("client", start=start)
    return "" if client is None else text_at(client["source"]["address"][0].address)


def read_bytes(address, count):
    return bytes(gdb.selected_inferior().read_memory(int(address), count)) if count > 0 else b""


def text_at(value, longest=70):
    """A C string, cut where it is long."""
    if int(value) == 0:
        return "(none)"
    text = value.string("utf-8", "replace")
    return text if len(text) <= longest else text[:longest] + "…"


def readable(data):
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def hex_rows(data, mark=None, most=6):
    """Rows of 16 bytes, in hex and as characters; a caret under byte number `mark`."""
    if not data:
        return
    first = 0 if mark is None else max(0, mark // 16 - 2)
    rows = range(first, max(len(data) - 1, mark or 0) // 16 + 1)
    if first > 0:
        yield "    …"
    for row in rows[:most]:
        piece = data[16 * row:16 * row + 16]
        yield f"    {piece.hex(' '):<47}  {readable(piece)}"
        if mark is not None and mark // 16 == row:
            at = mark % 16
            yield "    " + " " * (3 * at) + "^^" + " " * (47 - 3 * at - 2 + 2 + at) + "^"
    if len(rows) > most:
        yield f"    … and {len(data) - 16 * (first + most)} bytes more"


# ---- the helper commands ----


class Helper(gdb.Command):
    """A command whose class comment is its help, and whose run() prints."""

    name = None

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        thread = gdb.selected_thread()
        if thread is None:
            raise gdb.GdbError("The server does not run yet: type run.")
        frame = gdb.selected_frame()
        try:
            for line in self.run(argument):
                out(line)
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from error
        finally:  # whatever run() has looked at, the reader looks where he did
            thread.switch()
            if frame.is_valid():
                frame.select()

    def run(self, argument):
        raise NotImplementedError


class Stream(Helper):
    """Show what is buffered between a client's socket and the program.

The read buffer holds what recv has received: bytes that were read already, then those that wait
to be read. The caret is under the byte that is read next (in_start). The write buffer holds what
will be sent with the next send.

The stream is that of the client whose thread is selected (see "help clients"). "stream EXPRESSION"
takes another one: any expression that is a pointer to a struct stream."""

    name = "stream"

    def run(self, argument):
        s = gdb.parse_and_eval(argument) if argument else find_stream()
        if s is None:
            raise gdb.GdbError("This thread serves no client here: try another one (info threads).")
        start, end, waiting = int(s["in_start"]), int(s["in_end"]), int(s["out_length"])
        if end == 0:
            yield "  read buffer: empty, nothing was received"
        elif start == end:
            yield f"  read buffer: {end} bytes were received, all of them read"
        else:
            yield f"  read buffer: {end} bytes were received, {start} read, {end - start} wait"
        if start < end:
            yield from hex_rows(read_bytes(s["in"].address, end), start)
        yield f"  write buffer: {waiting} bytes wait for a send" if waiting else "  write buffer: empty"
        out_bytes = read_bytes(s["out"].address, waiting)
        if out_bytes.startswith(b"HTTP/"):  # a response's head: lines say more than hex
            head, out_bytes = out_bytes.split(b"\r\n\r\n", 1)
            for line in head.decode("latin-1").split("\r\n"):
                yield "    " + steady(line)
            yield "    (an empty line)"
        yield from hex_rows(out_bytes)


OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}


def header_drawing(head):
    """The two bytes that every frame begins with, bit by bit."""
    first, second = head[0], head[1]
    opcode, length = first & 0xF, second & 0x7F
    ends = "the last frame of its message" if first & 0x80 else "more frames of this message follow"
    rsv = first >> 4 & 7
    rsv_words = {0: "", 4: ": compressed, if that was agreed on"}
    words = {126: "126: the length follows, in 2 bytes", 127: "127: the length follows, in 8 bytes"}
    yield f"  byte 0   {' '.join(f'{first:08b}')}   0x{first:02x}"
    yield f"           | | | | +-+-+-+-- opcode {opcode}: {OPCODES.get(opcode, 'unknown')}"
    yield f"           | +-+-+---------- RSV1-3 {rsv:03b}{rsv_words.get(rsv, ': must be 0')}"
    yield f"           +---------------- FIN {first >> 7}: {ends}"
    yield f"  byte 1   {' '.join(f'{second:08b}')}   0x{second:02x}"
    yield f"           | +-+-+-+-+-+-+-- length {words.get(length, length)}"
    yield f"           +---------------- MASK {second >> 7}: " + (
        "4 bytes of masking key follow" if second & 0x80 else "no masking key")


class FrameBits(Helper):
    """Draw the first two bytes of a frame's header bit by bit, and name what follows them.

Without an argument: of the frame that is being read. Its header waits in the read buffer while
read_header runs; later it is put together again from the fields of struct frame.
"frame-bits EXPRESSION" takes any array of bytes or pointer to bytes: frame-bits header
"frame-bits 0x81 0x05" takes the bytes themselves."""

    name = "frame-bits"

    def run(self, argument):
        head, known = self.header(argument)
        if known < 2:
            raise gdb.GdbError("The two bytes have not been received yet: go on, with n or finish.")
        yield from header_drawing(head)
        extended = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
        if extended and known >= 2 + extended:
            number = int.from_bytes(head[2:2 + extended], "big")
            yield f"  then     {head[2:2 + extended].hex(' ')}: the length, {number}"
        if head[1] & 0x80 and known >= 6 + extended:
            yield f"  then     {head[2 + extended:6 + extended].hex(' ')}: the masking key"

    @staticmethod
    def header(argument):
        if argument and re.fullmatch(r"(0x[0-9a-fA-F]{1,2}\s*){2,}", argument):
            head = bytes(int(word, 16) for word in argument.split())
            return head, len(head)
        if argument:
            value = gdb.parse_and_eval(argument)
            array = value.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY
            count = value.type.sizeof if array else 2
            return read_bytes(value.address if array else value, count), count
        if any(is_own(f) and f.name() == "read_header" for f in frames()):
            stream = find_stream()
            known = min(14, int(stream["in_end"]) - int(stream["in_start"]))
            return read_bytes(stream["in"].address + int(stream["in_start"]), known), known
        value = find("frame")
        if value is None:
            raise gdb.GdbError("No frame is at hand here. In read_header and what it calls, there is.")
        head = header_of(value)
        return head, len(head)


def header_of(frame):
    """The header that a struct frame was decoded from; b"" if none was."""
    size, masked = int(frame["header_size"]), bool(frame["masked"])
    if size <= 2:
        return b""  # a client's frame is masked, so this one has not been decoded yet
    length, extended = int(frame["length"]), size - 2 - (4 if masked else 0)
    first = bool(frame["fin"]) << 7 | int(frame["rsv"]) << 4 | int(frame["opcode"])
    second = masked << 7 | {0: length, 2: 126, 8: 127}[extended]
    key = read_bytes(frame["masking_key"].address, 4) if masked else b""
    return bytes([first, second]) + length.to_bytes(8, "big")[8 - extended:] + key


class Clients(Helper):
    """List the server's threads: gdb's number, the name, the client's address, and what it is doing.

A worker is named after its connection: "client 1" serves connection 1. The number in front is
gdb's own: "thread 3" looks at the thread with gdb's number 3. A star marks the thread that gdb
looks at now. It is "info threads" with what this program knows added."""

    name = "clients"
    waits = {"accept_loop": "waits for a client", "receive": "waits for bytes",
             "send_all_locked": "waits for room", "stream_linger": "waits for the client's end",
             "broadcast_next": "waits for a message", "pause_locked": "waits for the workers to end"}

    def run(self, argument):
        selected = gdb.selected_thread()
        yield "    gdb's  thread     address          stands in"
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            thread.switch()
            top = gdb.newest_frame()
            own = next((f for f in frames(top) if is_own(f)), None)
            address = find_address(top)
            where = own.name() if own else "the C library"
            if own and own != top and where in self.waits:
                where += ", " + self.waits[where]
            star = "*" if thread == selected else " "
            line = f"  {star} {thread.num:<5}  {thread.name:<9}  {steady(address):<15}  {where}"
            yield line.rstrip()


class Request(Helper):
    """Show the request that is being read or responded to: what has been parsed of it so far."""

    name = "request"

    def run(self, argument):
        r = gdb.parse_and_eval(argument) if argument else find("request")
        if r is None:
            raise gdb.GdbError("No request is at hand here. In serve and what it calls, there is.")
        yield f"  method   {text_at(r['method'])}"
        if int(r["method"]) == 0:
            return
        version = int(r["version"])
        yield f"  path     {text_at(r['path'])}"
        yield f"  query    {text_at(r['query'])}"
        yield f"  version  {version} (HTTP/{version // 10}.{version % 10})"
        for i in range(int(r["header_count"])):
            header = r["headers"][i]
            yield f"  header   {text_at(header['name'])}: {text_at(header['value'])}"
        if int(r["status"]) != 0:
            yield f"  status   {int(r['status'])}"
        if int(r["reason"]) != 0:
            yield f"  reason   {text_at(r['reason'])}"


class Message(Helper):
    """Show the message that is being read from its frames.

If its last character lacks bytes, it says how many: the end of a frame may cut a character of UTF-8
in two."""

    name = "message"

    def run(self, argument):
        ws = gdb.parse_and_eval(argument) if argument else find("websocket")
        if ws is None:
            raise gdb.GdbError(
                "No message is at hand here. In frame_read_message and what it calls, there is.")
        m, missing = ws["message"], int(ws["text"]["missing"])
        if int(m["opcode"]) == 0:
            yield "  message: none is under way"
            return
        yield f"  message: {OPCODES.get(int(m['opcode']))}, {int(m['length'])} bytes so far"
        yield from hex_rows(read_bytes(m["bytes"], int(m["length"])))
        if missing > 0:
            yield f"  its last character lacks {missing} byte{'s' if missing > 1 else ''}"


class Events(Helper):
    """Show the last events in the ring of the trace, and the number of the next one.

"events 3" shows three of them."""

    name = "events"

    def run(self, argument):
        ring, count = gdb.parse_and_eval("'trace.c'::events"), int(argument or 8)
        following = int(ring["next"])
        size = ring["slots"].type.range()[1] + 1
        event_pointer = gdb.lookup_type("struct trace_event").pointer()
        if following == 1:
            yield "  the ring is empty"
        for n in range(max(1, following - count), following):
            event = ring["slots"][n % size]["bytes"].address.cast(event_pointer)
            kind = str(event["kind"]).replace("TRACE_", "").replace("_", "-").lower()
            data = read_bytes(event["bytes"].address, int(event["size"]))
            words = data.hex(" ") if kind == "frame" else data.decode("utf-8", "replace")
            if kind in ("frame", "line"):
                kind += " " + str(event["direction"]).replace("TRACE_", "").lower()
            yield steady(f"  {n:>3}  connection {int(event['connection'])}  {kind}: {words[:60]}")
        yield f"  the next event gets number {following}"


# ---- what a tour.gdb is written with ----


class Tour:
    """How far the tour is."""

    stop_number = 0  # counts the stops of the program
    shown = 0  # the stop that a heading was printed for
    hit = []  # the breakpoints that the last stop was at
    before = {}  # what each breakpoint had counted, and was to ignore, before the program went on
    over = False
    options = ""  # what the server is started with
    history = 0  # the number of gdb's last value: $1, $2, ...
    watched = {}  # the value that a watchpoint saw last, by the watchpoint's number
    said_output = 0  # bytes of the server's output that are in the transcript


def steady(text):
    """Takes out of a text what differs from run to run, where a transcript is written."""
    if not is_played():
        return text
    text = re.sub(r"^Date: .*", "Date: …", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:…", text)
    return re.sub(r"0x[0-9a-f]{5,16}\b", "0x…", text)


def on_stop(event):
    """Notes which breakpoints have stopped the program. gdb lists also those at the same place that have
    not, because they are to ignore a number of hits, or have a condition."""
    Tour.stop_number += 1
    Tour.hit = []
    for b in getattr(event, "breakpoints", []):
        hits, ignored = Tour.before.get(b.number, (0, 0))
        if b.number > 0 and b.hit_count - hits > ignored:
            Tour.hit.append(b.number)


def before_going_on():
    Tour.before = {b.number: (b.hit_count, b.ignore_count) for b in gdb.breakpoints()}


class Here(gdb.Command):
    """here: say which thread has stopped where (a tour's heading)."""

    def __init__(self):
        super().__init__("here", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if Tour.shown == Tour.stop_number:
            return  # two tour stops at one place have one heading
        Tour.shown = Tour.stop_number
        frame = gdb.newest_frame()
        place = f"{frame.name()} ({file_of(frame)})" if is_own(frame) else library_words(frame)
        out()
        out(f"== {thread_words(gdb.selected_thread())}, in {place}")
        line = source_line(frame)
        if line is not None:
            out(line)


class Say(gdb.Command):
    """say TEXT: a sentence of the tour."""

    def __init__(self):
        super().__init__("say", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if is_played():
            out("| " + argument)
        else:
            Say.waiting.append(argument)

    waiting = []  # sentences for the reader at the prompt, told together, as wide as the terminal is

    @staticmethod
    def tell():
        text, Say.waiting = " ".join(Say.waiting), []
        for line in textwrap.wrap(text, max(shutil.get_terminal_size().columns - 3, 40)):
            gdb.write("| " + line + "\n")


class Ask(gdb.Command):
    """ask QUESTION: what the reader is to predict; the next sentences of the tour are the answer."""

    def __init__(self):
        super().__init__("ask", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        gdb.execute("say " + ASKS + argument)


class Show(gdb.Command):
    """show-me COMMAND: the tour types a command itself, and its output is seen."""

    def __init__(self):
        super().__init__("show-me", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if is_played():
            play(argument)
        else:
            out("(gdb) " + argument)
            gdb.execute(argument)


class Type(gdb.Command):
    """type COMMAND: the tour proposes a command to whoever sits at the prompt."""

    def __init__(self):
        super().__init__("your-turn", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if is_played():
            play(argument)
        else:
            out("|     type: " + argument)


class TourEnds(gdb.Command):
    """tour-ends: the last line of a tour's last stop."""

    def __init__(self):
        super().__init__("tour-ends", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        Tour.over = True
        if not is_played():
            Say.waiting.append("That was the tour. d deletes its stops, c lets the server run on,")
            Say.waiting.append("q ends both.")


class TourBegins(gdb.Command):
    """tour-begins [OPTION]...: the last line of a tour.gdb; from here on it is the reader's turn. The
    server is started with these options, and those that all tours need."""

    def __init__(self):
        super().__init__("tour-begins", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        Announced("accept_loop", internal=True)
        Tour.options = f"--timeout 0 --wire {argument}"
        if is_played():
            play_tour()
            return
        port = 0 if CLIENT_FILE else free_port()
        gdb.execute(f"set args --port {port} {Tour.options}")
        if CLIENT_FILE:
            Say.waiting.append("A scripted client comes as soon as the server listens.")
        elif port:
            Say.waiting.append(f"When the server listens, open http://127.0.0.1:{port}/ in a browser.")
            Say.waiting.append("While gdb holds the server, the browser waits.")
        else:
            Say.waiting.append("Port 8080 is taken. The server says where it listens:")
            Say.waiting.append("open that in a browser.")
        Say.waiting.append("While the server runs, gdb shows no prompt: Ctrl-C brings it back.")
        out("|     type: run")


def free_port():
    """8080, or 0 (the system chooses) where somebody else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8080))
        except OSError:
            return 0
    return 8080


class Announced(gdb.Breakpoint):
    """Tells the scripted client the port, when the server listens; never stops the reader."""

    def stop(self):
        try:
            if CLIENT_FILE:
                tell_client()
        except Exception as error:  # whatever it is, gdb would only say that a Python error occurred
            gdb.write(f"tour: the scripted client cannot be told the port: {error}\n", gdb.STDERR)
        return False


def tell_client():
    pid, fd = gdb.selected_inferior().pid, int(gdb.parse_and_eval("listener"))
    inode = os.readlink(f"/proc/{pid}/fd/{fd}")[len("socket:["):-1]
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        fields = next(line.split() for line in table if line.split()[9] == inode)
    with open(CLIENT_FILE + ".new", "w", encoding="ascii") as file:
        file.write(f"{int(fields[1].split(':')[1], 16)} {pid}\n")
    os.rename(CLIENT_FILE + ".new", CLIENT_FILE)


# ---- a tour that plays itself ----

RESUMING = re.compile(r"(run|r|c|continue|n|next|s|step|finish|fin|until|advance)\b")


def library_words(frame):
    """A frame that is not of this program's source, as gdb has it, without the folder."""
    if (frame.name() or "").startswith("__wrap_"):
        return "the C library"  # todo.c, in a learner's build: it calls the function of that name
    name = gdb.solib_name(frame.pc())
    library = re.sub(r"\.so.*", "", os.path.basename(name)) if name else "?"
    return f"{frame.name()} () from {library}" if library != "libc" else "the C library"


def plain_frame(text):
    """A frame's line of gdb's, without addresses, values and line numbers."""
    own = re.match(r"(?:0x[0-9a-f]+ in )?(\w+) \(.*\) at (?:.*/)?([\w.]+):\d+$", text)
    if own and own[2] in OWN_FILES:
        return f"{own[1]} (…) at {own[2]}"
    library = re.match(r"(?:0x[0-9a-f]+ in )?(\w+) \(.*\) from .*/(\w+)\.so[.\w]*$", text)
    if library and library[2] != "libc":
        return f"{library[1]} () from {library[2]}"
    return "the C library"


NOISE = re.compile(r"\[New Thread|\[Thread |\[Switching to Thread|warning:|\d+\t.*No such file")


def plain(text):
    """What gdb has printed, without what differs from run to run."""
    for line in text.splitlines():
        if NOISE.match(line):
            continue
        line = re.sub(r"\(LWP \d+\)", "(LWP …)", line)
        line = re.sub(r"(?<!Hardware )(?<!hw )\bWatchpoint (\d)", r"Hardware watchpoint \1", line)
        line = re.sub(r"file (?:.*/)?([\w.]+), line \d+\.$", r"file \1, line ….", line)
        line = re.sub(r"^\d+\t", "…\t", line)
        if re.match(r"  Id +Target Id +Frame", line):
            line = "  Id   Target Id                         Frame"
        thread = re.match(r"([ *] \d+) +Thread 0x[0-9a-f]+ \(LWP …\) (\"[^\"]*\") +(.*)", line)
        if thread:
            line = f"{thread[1]:<6} Thread 0x… (LWP …) {thread[2]:<10} {plain_frame(thread[3])}"
        line = steady(line).expandtabs().rstrip()
        if line:
            yield line


def backtrace(most):
    """What bt shows, with one line for the functions of the C library that follow each other: which
    these are differs from one version of it to the next."""
    lines = []
    for frame in frames(gdb.newest_frame()):
        words = "<signal handler called>" if frame.type() == gdb.SIGTRAMP_FRAME else place_words(frame)
        if words != "the C library" or not lines or lines[-1] != words:
            lines.append(words)
    for i, words in enumerate(lines[:most]):
        out(f"#{i:<2} {words}")


def show_server_output():
    """What the server has printed since the last stop."""
    with open(SERVER_OUTPUT, encoding="utf-8") as file:
        file.seek(Tour.said_output)
        for line in file.read().splitlines():
            out(steady(line))
        Tour.said_output = file.tell()


def play(command):
    """Types a command for the transcript, and writes what it showed."""
    out("(gdb) " + command)
    try:
        if RESUMING.match(command):
            go_on(command)
            return
        if re.match(r"(up|down|frame|thread)( |$)", command):
            gdb.execute(command, to_string=True)  # some versions print this past us
            show_selected(command)
            return
        if re.match(r"bt\b", command):
            backtrace(int(command[2:] or 99))
            return
        for line in plain(gdb.execute(command, to_string=True)):
            out(line)
            number = re.match(r"\$(\d+) = ", line)
            if number:
                Tour.history = int(number[1])
        if re.match(r"(watch|awatch|rwatch)\b", command):
            newest = max(gdb.breakpoints(), key=lambda b: b.number)
            Tour.watched[newest.number] = value_of(newest)
    except gdb.error as error:
        raise gdb.GdbError(f"tour: '{command}' has failed: {error}")


def show_selected(command):
    """Where gdb looks now."""
    frame = gdb.selected_frame()
    if command.startswith("thread"):
        out(f"[Switching to {command} (Thread 0x… (LWP …))]")
    out(f"#{frame.level()}  {place_words(frame)}")
    if source_line(frame) is not None:
        out(source_line(frame))


def value_of(watchpoint):
    return gdb.parse_and_eval(watchpoint.expression.replace("-location ", "")).format_string()


def go_on(command):
    """Lets the program run. What is shown at its next stop, gdb's versions print in different ways and
    at different times; so it is put together here."""
    before, function = gdb.selected_thread() and gdb.selected_frame(), None
    if before is not None:
        function, name = before.function(), before.name()
        if command == "finish":
            out(f"Run till exit from #{before.level()}  {place_words(before)}")
    before_going_on()
    gdb.execute(command, to_string=True)
    show_server_output()
    if not gdb.selected_inferior().pid:
        out("The server has ended.")
        return
    frame = gdb.newest_frame()
    show_watched()
    if Tour.hit and not Tour.hit[0] in Tour.watched:
        return  # a stop of the tour's, or of the reader's: its heading follows
    if command == "finish" or frame.name() != name:
        out(place_words(frame))
    line = source_line(frame)
    if line is not None and command != "finish":  # which line a return leads to is the compiler's choice
        out(line)
    if command == "finish" and function and function.type.target().code != gdb.TYPE_CODE_VOID:
        Tour.history += 1
        out(steady(f"Value returned is ${Tour.history} = {gdb.history(0).format_string()}"))


def place_words(frame):
    return f"{frame.name()} (…) at {file_of(frame)}" if is_own(frame) else library_words(frame)


def show_watched():
    for number in Tour.hit:
        if number in Tour.watched:
            watchpoint = next(b for b in gdb.breakpoints() if b.number == number)
            old, Tour.watched[number] = Tour.watched[number], value_of(watchpoint)
            out(f"Hardware watchpoint {number}: {watchpoint.expression}")
            out(f"Old value = {old}")
            out(f"New value = {Tour.watched[number]}")


def play_tour():
    """Plays the tour: at each stop, its commands; then on to the next one."""
    bodies, places = {}, {}
    for breakpoint in gdb.breakpoints():
        places[breakpoint.number] = breakpoint.location
        bodies[breakpoint.number] = [line.strip() for line in (breakpoint.commands or "").splitlines()]
        breakpoint.commands = "silent"
    for setting in ("pagination off", "style enabled off", "width 0", "print thread-events off",
                    "print repeats 0", f"args --port 0 {Tour.options} >{shlex.quote(SERVER_OUTPUT)}"):
        gdb.execute("set " + setting)
    play("run")
    while not Tour.over and gdb.selected_inferior().pid:
        hit = Tour.hit
        for number in hit:
            for line in bodies.pop(number, []):
                if line != "silent":
                    gdb.execute(line)
        if not hit:
            raise gdb.GdbError("tour: the server has stopped where the tour has no stop")
        if not Tour.over:
            with open(TRANSCRIPT + ".waits", "w", encoding="utf-8") as file:  # for debug.py
                file.write(", ".join(places[number] for number in bodies if number > 0))
            play("c")
    if not Tour.over:
        raise gdb.GdbError("tour: the server has ended before the tour has")
    open(TRANSCRIPT + ".whole", "w", encoding="ascii").close()  # for debug.py: all went well
    gdb.execute("kill")


# ---- at the start ----

for command in (Stream, FrameBits, Clients, Request, Message, Events, Here, Say, Ask, Show, Type, TourEnds,
                TourBegins):
    command()
gdb.events.stop.connect(on_stop)
gdb.events.before_prompt.connect(Say.tell)
# A server that stops on SIGTERM must see it; gdb need not.
gdb.execute("handle SIGTERM nostop noprint pass", to_string=True)
# A stop whose function is not there must not leave its commands to the stop before it.
gdb.execute("set breakpoint pending on")
gdb.execute("set confirm off")
if is_played():
    # On processors with AMX, gdb 13 cannot: "Couldn't write extended state status". So no tour may need it.
    gdb.execute("set may-call-functions off")
else:
    gdb.execute("set pagination off")
