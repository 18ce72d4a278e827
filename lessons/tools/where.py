"""where.py - says where a program is: gdb reads this in, and where.sh starts it.

$WHERE is "PID crash WORDS" or "PID hang". The result goes to descriptor 3.
"""
import glob
import os
import re
import sys
import time

import gdb

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from functions import functions_of  # noqa: E402

FRAMES = 40         # that are looked at, of each thread
pid, what, words = (os.environ["WHERE"] + "  ").split(" ", 2)


class Call:
    """A frame: the name of its function, its place ("workshop/stream.c:330", or ""), its arguments."""

    def __init__(self, frame):
        sal = frame.find_sal()
        self.name = frame.name() or "??"
        self.place = f"{sal.symtab.filename}:{sal.line}" if sal.symtab else ""
        self.file = os.path.basename(self.place)
        self.is_of_suite = "tests/" in "/" + self.place
        # Not of the system, nor of the tools that are linked with the program.
        self.is_own = bool(self.place and not re.match(r"\.|/usr|/build", self.place)
                           and not re.match(r"(todo|crash|harness|learn|show)\.c:", self.file)
                           and not self.is_of_suite and not self.name.startswith("__wrap_"))
        self.is_nowhere = self.name == "??" and gdb.solib_name(frame.pc()) is None
        self.arguments = ", ".join(self.read_arguments(frame)) if self.is_own else ""

    @staticmethod
    def read_arguments(frame):
        block = frame.block()
        while block.function is None:
            block = block.superblock
        for symbol in block:
            if symbol.is_argument:
                value = symbol.value(frame)
                scalar = value.type.strip_typedefs().code not in (
                    gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
                yield f"{symbol.name}={value.format_string(max_elements=40) if scalar else '...'}"

    def known_name(self):
        """That of a function of the C library, without what it adds inside."""
        name = re.sub(r"^_*(GI_+)?(libc_+|wrap_+)?|@.*", "", self.name)
        return re.sub(r"_(avx|sse|evex|erms|unaligned|ssse|generic).*", "", name)

    def whose(self):
        """The lesson in which the learner writes it, in words; "": it is provided."""
        path = self.place.rpartition(":")[0]
        found = [function for function in functions_of(path) if function.name == self.name] \
            if os.path.exists(path) else []
        return f" (lesson {found[0].lesson})" if found and found[0].is_written_by_learner else ""

    def source(self):
        path, _, line = self.place.rpartition(":")
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return shortened(file.read().split("\n")[int(line) - 1].strip(" \t"))
        except (OSError, IndexError):
            return ""


class Thread:
    def __init__(self, thread, busy):
        thread.switch()
        self.lwp, self.name, self.crashed = thread.ptid[1], thread.name, False
        self.busy = busy.get(self.lwp, 0)
        calls, frame = [], gdb.newest_frame()
        while frame is not None and len(calls) < FRAMES:
            if frame.type() == gdb.SIGTRAMP_FRAME:      # what is above is the handler that reports this
                self.crashed, calls = True, []
            else:
                calls.append(Call(frame))
            frame = frame.older()
        self.calls = calls
        self.near = next((n for n, call in enumerate(calls) if call.is_own), None)

    def called(self):
        """What the program's nearest function has called; "": nothing."""
        return self.calls[self.near - 1].known_name() if self.near else ""

    def repeated(self):
        """A function that calls itself, again and again."""
        names = [call.name for call in self.calls[self.near:]]
        return next((name for name in names if name != "??" and names.count(name) >= 10), None)

    def is_lost(self):
        """Whether the nearest function's return address was overwritten, so that its caller is unknown."""
        return any(call.is_nowhere for call in self.calls[self.near + 1:self.near + 2])

    def show_calls(self, most):
        """The program's calls, innermost first, with what they were given."""
        own = [call for call in self.calls[self.near:] if call.is_own]
        if own[0].source():
            say(f"\n    {own[0].file}\n        {own[0].source()}")
        say("")
        shown = []
        for call in own:
            if shown.count(call.place) < 2 and len(shown) < most:
                say(f"    {'called from' if shown else 'in'} {call.name}, {call.file}{call.whose()}")
                if call.arguments:
                    say("        " + shortened(call.arguments))
                shown.append(call.place)

    def whose(self):
        if any(call.is_of_suite for call in self.calls):
            return "it"
        if self.lwp == int(pid):
            return "the main thread"
        return f'the thread "{self.name}"' if self.name else "a thread"

    def doing(self):
        """How much it tells of a hang, more is worse; and what it does, in words."""
        name, call = self.called(), self.calls[self.near]
        at = f"{call.name}, {call.file}"
        if self.busy >= 5 or not name:      # it has had a processor, or waits for nothing
            return 4, f"runs in circles in {at}"
        if re.search(r"(?<!c)lock", name):      # but pthread_clockjoin_np waits for a thread
            return 3, f"waits for a lock ({name}) in {at}"
        # It waits for somebody new, for bytes of a client, or for another thread.
        return 0 if name.startswith("accept") else 1 if name == "recv" else 2, \
            f"waits in {name}, called from {at}"


def say(line):
    print(line, file=result)


def shortened(text):
    return text if len(text) <= 68 else text[:65] + "..."


def used():
    """Hundredths of a second that each thread has had a processor."""
    times = {}
    for name in glob.glob(f"/proc/{pid}/task/*/stat"):
        try:
            with open(name, encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(") ")[2].split()
            times[int(name.split("/")[4])] = int(fields[11]) + int(fields[12])
        except OSError:
            pass        # it has ended
    return times


def tell_crash(threads):
    thread = next((thread for thread in threads if thread.crashed), None)
    if thread is None or thread.near is None:
        in_check = thread is not None and thread.calls and thread.calls[0].is_of_suite
        say(words + (f" in the check itself, {thread.calls[0].file}" if in_check else ""))
        return
    call, name, again = thread.calls[thread.near], thread.called(), thread.repeated()
    said = words.partition(" (")[0] if thread.is_lost() else words      # the address may be what was written there
    say(f"{said} in {name + ', called from ' if name else ''}{call.name}, {call.file}")
    if re.match(r"free|malloc|calloc|realloc", name):
        say("    What malloc keeps is damaged: something was written beyond what it gave,\n"
            "    or was freed twice, or did not come from malloc at all.")
        if "MALLOC_DAMAGED" in os.environ:
            open(os.environ["MALLOC_DAMAGED"], "w", encoding="utf-8").close()
    if again:
        say(f"    {again} calls itself, again and again.")
    if thread.is_lost():
        say("    Where it should return to is overwritten: something was written beyond a\n"
            "    local array of its own.")
    thread.show_calls(3 if again else 4)


def tell_hang(threads):
    threads = [thread for thread in threads if thread.near is not None]
    if not threads:
        say("no thread of it is in the program's own code")
        return
    worst = max(threads, key=lambda thread: thread.doing()[0])
    say(f"{worst.whose()} {worst.doing()[1]}")
    worst.show_calls(4)
    others = [thread for thread in threads if thread is not worst and thread.doing()[0] > 0]
    for n, thread in enumerate(others[:3]):
        line = f"    {thread.whose()} {thread.doing()[1]}"
        if len(line) > 78:
            line = line.replace(", called from", ",\n        called from", 1)
        say("\n" * (n == 0) + line)


gdb.execute("set width 0")
before = used()
if what == "hang":
    time.sleep(0.5)
after = used()
gdb.execute(f"attach {pid}", to_string=True)
with open(3, "w", encoding="utf-8") as result:
    found = [Thread(thread, {lwp: after[lwp] - before.get(lwp, after[lwp]) for lwp in after})
             for thread in sorted(gdb.selected_inferior().threads(), key=lambda thread: -thread.num)]
    (tell_crash if what == "crash" else tell_hang)(found)
