"""sanitized.py - a lesson's check once more, in builds that see what behaviour does not show

The address sanitizer sees memory that is used beyond its end or after it was freed, and memory that is never
freed; the thread sanitizer sees what two threads use without a lock. What they report goes into files in
build/workshop, and report.py shortens it. Only a report counts: these builds are slow, and the suite has passed
before, or malloc has crashed in it. Neither looks into the C library, so functions of it that keep something for
the next call are searched for by name. SANITIZE=0 leaves all this out.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import textwrap

import build
import learner
import report
from functions import NO_CODE, read
from learner import MADE

WAIT_S = "10"           # for each of a suite's waits, which take longer here

# The name of a build, what it is made with, and the make variables with which make check-asan and check-tsan
# make the same harness.
BUILDS = {"asan": "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer",
          "tsan": "-fsanitize=thread"}
FIRST = {"asan": 1, "tsan": 2}      # the lesson from which on: before, there is one thread
# io_sync=0: else a send on one socket and a later recv on another one count as a lock, which hides races.
# fast_unwind_on_malloc=0: else a leak in zlib, which has no frame pointers, does not show who called it.
OPTIONS = {"ASAN_OPTIONS": "use_sigaltstack=0 fast_unwind_on_malloc=0", "UBSAN_OPTIONS": "print_stacktrace=1",
           "TSAN_OPTIONS": "report_thread_leaks=0 io_sync=0"}

# Functions that keep something in a static variable, and which one to use instead.
STATIC = {"strtok": "strtok_r", "gmtime": "gmtime_r", "localtime": "localtime_r", "asctime": "strftime",
          "ctime": "strftime", "inet_ntoa": "inet_ntop"}

CALL = re.compile(r"#\d+ (?:0x\w+ in )?(\w+) (?:.*/)?([^/\s:]+\.[ch]):(\d+)")


class Report:
    """One of a sanitizer's reports, and the learner's function that is nearest to it."""

    def __init__(self, text, functions):
        self.text = text
        used, _, taken = text.partition("allocated by thread")
        self.function = self.nearest(used, functions)
        self.taken = self.nearest(taken, functions)

    @staticmethod
    def nearest(text, functions):
        calls = [functions[name] for name, file, _ in CALL.findall(text)
                 if name in functions and functions[name].file == file]
        return next((function for function in calls if function.is_written_by_learner), calls[0] if calls else None)

    def counts(self, lesson):
        """Whether it says something about the learner's code. A thread that ends in an unwritten function of a
        later lesson frees nothing, so only what this lesson's own functions have taken is a leak."""
        if not report.kind_of(self.text):
            return False
        if "LeakSanitizer" in self.text:
            return self.function is not None and self.function.lesson == lesson
        return True

    def tell(self):
        what, _, where = report.summary(self.text).partition("\n")
        of = f"\n    {self.function.name} is of lesson {self.function.lesson}." \
            if self.function and self.function.lesson else ""
        if self.taken and self.taken.is_written_by_learner:
            of += f"\n    The memory was taken in {self.taken.name}, of lesson {self.taken.lesson}."
        print("\n" + textwrap.fill(f"Your code {what}", 78, initial_indent="  ", subsequent_indent="  ")
              + f"\n{where}{of}")


def quietly(command, environment=None):
    """Runs a command. Returns whether it succeeds, and what it says."""
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.decode(errors="replace")


def is_there(name):
    """A compiler may come without a sanitizer; then its build is left out."""
    empty = f"{MADE}/empty-{name}"
    with open(f"{empty}.c", "w", encoding="utf-8") as file:
        file.write("int main(void) { return 0; }\n")
    return quietly([*build.compiler(), *BUILDS[name].split(), "-o", empty, f"{empty}.c"])[0]


def builds(name, lesson, calls):
    """Builds the learner's code as a server, and with the suite if that calls it, as far as the lesson's check
    needs them. Returns what the compiler says if that fails."""
    harness = f"build/{name}/tests/harness.a"
    environment = {**os.environ, "HARNESS": harness, "CFLAGS": BUILDS[name]}
    programs = {"server": []} if lesson.check != "calls" else {}
    if calls:
        programs[lesson.suite] = [lesson.suite]
        if not learner.make(harness, f"BUILD=build/{name}", "CFLAGS=-O1 -g", "HARDENING=",
                            f"VARIANT={BUILDS[name]}"):
            return "its harness is not built"
    for program, words in programs.items():
        command = [sys.executable, "lessons/tools/build.py", learner.FOLDER, f"{MADE}/{program}-{name}", *words]
        built, said = quietly(command, environment)
        if not built:
            return said
    return ""


def reports_of(name, lesson, calls, environment):
    """Runs the lesson's suite in a build. Returns its reports."""
    begin = f"{os.path.abspath(MADE)}/report-{name}"
    for old in glob.glob(f"{glob.escape(begin)}.*"):
        os.remove(old)
    options = {variable: f"{words} log_path='{begin}'".strip() for variable, words in OPTIONS.items()}
    environment = {**environment, **options, "SERVER": f"{MADE}/server-{name}", "FAIL_FAST": WAIT_S, "SANITIZED": name}
    del environment["LEARN"]
    suite = f"{MADE}/{lesson.suite}-{name}" if calls else f"build/release/tests/suites/{lesson.suite}"
    fixed = ["setarch", "-R"] if name == "tsan" else []     # its memory must be where it expects it
    _, said = quietly([*(fixed if fixed and quietly([*fixed, "true"])[0] else []), suite], environment)
    functions, found, texts = learner.learners(), [], [said]    # gcc's UBSan knows no file if ASan is there
    for path in sorted(glob.glob(f"{glob.escape(begin)}.*")):
        with open(path, encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
    for text in texts:
        parts = re.split(r"^(?=WARNING: ThreadSanitizer|(?:Direct|Indirect) leak of |.*: runtime error: )", text,
                         flags=re.M)
        leak = "LeakSanitizer: detected memory leaks\n" if "detected memory leaks" in parts[0] else ""
        found += [Report((leak if " leak of " in part[:20] else "") + part, functions) for part in parts]
    return found


def search(name, lesson, calls, environment):
    """Returns what the compiler says if it fails, and the first report that counts, or None."""
    if lesson.number < FIRST[name]:
        return "", None
    if not is_there(name):
        print(f"({build.compiler()[0]} has no {name} here: that is left out.)")
        return "", None
    said = builds(name, lesson, calls)
    found = [] if said else reports_of(name, lesson, calls, environment)
    return said, next((one for one in found if one.counts(lesson.number)), None)


def is_shared(lesson):
    """Whether a function of the lesson, or one that the learner has added, calls one of STATIC; prints the first
    such call."""
    for function in learner.learners().values():
        if function.lesson not in (0, lesson.number):
            continue
        body = "\n".join(read(function.path)[function.brace - 1:function.last])
        found = re.search(rf"\b({'|'.join(STATIC)})\s*\(", NO_CODE.sub(lambda part: "\n" * part[0].count("\n"), body))
        if found:
            number = function.brace + found.string[:found.start()].count("\n")
            print("\n" + textwrap.fill(
                f"{function.name} calls {found[1]}, in {function.file}:{number}. What {found[1]} keeps for its caller "
                f"is in a static variable, and all threads share that: another client's thread may change it in "
                f"between. Use {STATIC[found[1]]} instead (man 3 {STATIC[found[1]]}).", 78, initial_indent="  ",
                subsequent_indent="  "))
            return True
    return False


def passes(lesson, calls, environment):
    """Looks for what the sanitizers see, and tells the first thing that one of them has reported. `calls`: the
    lesson's suite calls the learner's code."""
    if os.environ.get("SANITIZE") == "0":
        return True
    print("\nOnce more, looking for mistakes with memory and for data races ...", flush=True)
    with concurrent.futures.ThreadPoolExecutor(len(BUILDS)) as pool:
        results = list(pool.map(lambda name: search(name, lesson, calls, environment), BUILDS))
    for said, found in results:
        if said:
            print(said)
            return False
        if found:
            found.tell()
            return False
    return lesson.number < FIRST["tsan"] or not is_shared(lesson)
