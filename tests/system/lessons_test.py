#!/usr/bin/env python3
"""Whether lessons/tools/check-lessons notices what it should: a small course of three lessons, made up
here, is right; each test spoils one thing in it, and asks for the complaint.

    python3 tests/system/lessons_test.py
"""
import importlib.machinery
import importlib.util
import os
import pathlib
import sys
import tempfile
import textwrap
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "lessons" / "tools"


def load(name):
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(TOOLS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


checker = load("check-lessons")
checker.LAST_LESSON, checker.WRITTEN_LESSONS = 3, 2
checker.TITLE_OF_LAST = "the end"
checker.NOTES = ["C1", "S1"]
console = checker.console
console.COMMAND_S, console.SHOWN_S, console.STOP_S = 2, 2, 2

SOURCE = """\
#include <stdio.h>

/* Lesson 1. Says good day. */
static void greet(const char *name)
{
    int times = 2;

    printf("good day, ");
    printf("%s\\n", name);
    times--;
    printf("good day, ");
}

/* Lesson 1, provided. Does nothing. */
static void rest(void)
{
}

/* Lesson 2. The whole. */
int main(void)
{
    greet("reader");
    rest();
    return 0;
}
"""

PROGRAM = """\
#!/usr/bin/env python3
import os, sys, time
print("listening on http://127.0.0.1:" + sys.argv[sys.argv.index("--port") + 1] + "/", flush=True)
open("pid", "w").write(str(os.getpid()))
try:
    time.sleep(0.3)
    print("somebody came", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    if "--stubborn" in sys.argv:
        time.sleep(60)
"""

LESSON = """\
# Lesson {n}: {title}

It matches [{note}](../notes.md#{anchor}).

## The idea

![Two boxes with an arrow between](../pictures/boxes.svg)

Lesson 1, "listen", and [lesson 2](../02-go-on/README.md) belong together. See [the idea](#the-idea).

## Try it
{extra}
## Write it

| function | file | what it is for |
| --- | --- | --- |
| `{function}` | `one.c` | the work |

### Step 1: `{function}`

<details><summary>Hint 1</summary>

Begin.
</details>
<details><summary>Hint 2</summary>

<!-- code: {function} -->
```c
{code}
```
</details>

## Check it

`make check LESSON={n}`

## Step through it

`make debug LESSON={n}`

## In the browser

## Mistakes others make

## Further
"""

TRY = """
<!-- terminal: server -->
```console
$ ./server --verbose
listening on http://127.0.0.1:8080/
```

Some text.

```console
$ echo "port 8080"; echo two; echo three
port 8080
…
t…e
$ cd pictures; true
$ cat \\
> boxes.pik
a picture
```

<!-- terminal: server -->
```console
somebody came
```
"""

FILES = {
    "Makefile": "server: program.py\n\t@cp program.py server\n\t@chmod +x server\n",
    "program.py": PROGRAM,
    "one.c": SOURCE,
    "pictures/boxes.pik": "a picture\n",
    "tests/suites/01_listen.c": 'run_suite("01 listen", tests);\n',
    "tests/suites/02_go_on.c": 'run_suite("02 go on", tests);\n',
    "lessons/README.md": "# The lessons\n\n[listen](01-listen/README.md), [go on](02-go-on/README.md)\n",
    "lessons/notes.md": "# Notes\n\n## C1\n\n## S1\n",
    "lessons/pictures/boxes.svg": "<svg/>\n",
    "lessons/01-listen/README.md": LESSON.format(
        n=1,
        title="listen",
        note="C1",
        anchor="c1",
        function="greet",
        extra=TRY,
        code='    int times = 2;\n…\n    printf("%s\\n", name);\n    times--;',
    ),
    "lessons/02-go-on/README.md": LESSON.format(
        n=2,
        title="go on",
        note="S1",
        anchor="s1",
        function="main",
        extra="",
        code='    greet("reader");',
    ),
    "lessons/03-the-end/README.md": "# Lesson 3: the end\n\n## The idea\n\nNothing.\n",
}
FIRST, SECOND = "lessons/01-listen/README.md", "lessons/02-go-on/README.md"


class Lessons(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.temporary.name).resolve()
        for name, text in FILES.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def tearDown(self):
        self.temporary.cleanup()

    def complaints(self, quick=True, only=()):
        course = checker.Course(self.root)
        course.check(list(only), quick)
        return course.said()

    def spoil(self, file, old, new):
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        self.assertEqual(text.count(old), 1, f"{old!r} is to stand once in {file}")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def expect(self, *words, quick=True, count=1, only=()):
        said = self.complaints(quick, only)
        self.assertEqual(len(said), count, "\n".join(said))
        for part in words:
            self.assertIn(part, "\n".join(said))

    def test_what_is_right_is_right(self):
        self.assertEqual(self.complaints(quick=False), [])

    # ---- quoted code ----

    def test_one_character_of_a_quote(self):
        self.spoil(FIRST, "times = 2", "times = 3")
        self.expect(
            "README.md:53:", "quoted:     int times = 3;", "source:     int times = 2;", "one.c:6"
        )

    def test_one_character_of_a_quote_below(self):
        self.spoil(FIRST, "    times--;", "    times-- ;")
        self.expect("README.md:56:", "quoted:     times-- ;", "one.c:10")

    def test_one_character_of_the_source(self):
        self.spoil("one.c", '"reader"', '"Reader"')
        self.expect('quoted:     greet("reader");', 'source:     greet("Reader");')

    def test_a_quote_that_stands_twice(self):
        self.spoil(FIRST, "    int times = 2;\n…", '    printf("good day, ");')
        self.spoil(FIRST, '    printf("%s\\n", name);\n    times--;\n', "")
        self.expect("stand 2 times", "in lines 8, 11")

    def test_quoted_lines_in_another_order(self):
        self.spoil(FIRST, "    int times = 2;\n…", "    times--;\n…\n    int times = 2;\n…")
        self.expect("stand before the ones above")

    def test_lines_left_out_without_a_sign(self):
        self.spoil(FIRST, "    int times = 2;\n…", "    int times = 2;")
        self.expect("this is not what one.c:7 says")

    def test_a_quote_of_another_function(self):
        self.spoil(SECOND, "<!-- code: main -->", "<!-- code: greet -->")
        self.expect("this is not what one.c")

    def test_a_quote_of_nothing(self):
        self.spoil(SECOND, "<!-- code: main -->", "<!-- code: nobody -->")
        self.expect("there is no function nobody")

    def test_a_quote_without_a_name(self):
        self.spoil(SECOND, "<!-- code: main -->", "")
        self.expect("quoted C needs a line")

    def test_a_function_that_is_there_twice(self):
        (self.root / "two.c").write_text("/* Lesson 1, provided. Again. */\nvoid main(void)\n{\n}\n")
        self.expect("main stands in one.c and two.c")

    # ---- form ----

    def test_a_title(self):
        self.spoil(FIRST, "# Lesson 1: listen", "# Lesson 1: listening")
        self.expect("the first line is to be `# Lesson 1: listen`")

    def test_a_folder(self):
        (self.root / "lessons/03-the-end").rename(self.root / "lessons/03-an-end")
        self.expect("the folder is to be 03-the-end")

    def test_a_lesson_that_is_missing(self):
        (self.root / "lessons/03-the-end/README.md").unlink()
        self.expect("lesson 3 is missing: 03-the-end")

    def test_a_part_that_is_missing(self):
        self.spoil(FIRST, "## In the browser\n", "")
        self.expect("where `## In the browser` is to be, there is `## Mistakes others make`")

    def test_parts_in_another_order(self):
        self.spoil(
            FIRST,
            "## In the browser\n\n## Mistakes others make",
            "## Mistakes others make\n\n## In the browser",
        )
        self.expect("where `## In the browser` is to be, there is `## Mistakes others make`")

    def test_a_step_that_is_counted_wrong(self):
        self.spoil(FIRST, "### Step 1: `greet`", "### Step 2: `greet`")
        self.expect("this is step 1")

    def test_a_hint_that_is_counted_wrong(self):
        self.spoil(FIRST, "Hint 2", "Hint 3")
        self.expect("this is hint 2 of its step")

    def test_a_step_without_a_hint(self):
        self.spoil(FIRST, "## Check it", "### Step 2: more of it\n\n## Check it")
        self.assertEqual(self.complaints(), [])
        self.spoil(FIRST, "## Check it", "### Step 3: all of it\n\n## Check it")
        self.expect("README.md:62: this step has no hint, and an earlier one has none either")

    def test_a_part_that_may_be_left_out(self):
        self.spoil(FIRST, "## Try it", "## Predict first\n\n## Try it")
        self.assertEqual(self.complaints(), [])

    def test_a_part_that_may_be_left_out_in_the_wrong_place(self):
        self.spoil(FIRST, "## Write it", "## Predict first\n\n## Write it")
        self.expect("where `## Predict first` is to be, there is `## Try it`")

    # ---- sentences ----

    def test_a_turn_of_the_first_edition(self):
        self.spoil(FIRST, "Begin.", "Which bytes come\nbehind the line?")
        self.expect('README.md:47: "come behind": write it plainly (after, follows)')

    def test_a_turn_outside_of_the_course(self):
        (self.root / "docs").mkdir()
        (self.root / "docs/more.md").write_text("# More\n\nA visitor reads this.\n")
        self.expect("docs/more.md:3:", "(client)")

    def test_a_turn_in_a_table_and_in_code(self):
        self.spoil("lessons/README.md", "# The lessons\n", "# The lessons\n\n| a | one visitor |\n| --- | --- |\n")
        self.spoil(FIRST, "Some text.", "Some `visitor`.\n\n```text\na visitor\n```")
        self.expect("lessons/README.md:3:", "README.md:19:", count=2)

    def test_a_turn_in_a_tour(self):
        tour = self.root / "lessons/01-listen/tour.gdb"
        tour.write_text("tbreak greet\ncommands\n  say What came\n  say behind the line.\nend\n")
        self.expect('lessons/01-listen/tour.gdb: "came behind"')

    def test_a_long_sentence(self):
        self.spoil(FIRST, "Begin.", "Begin `now and here`, " + "and again\n" * 19 + ". And again.")
        self.assertEqual(self.complaints(), [])
        self.spoil(FIRST, "Begin `now", "Begin all of it `now")
        self.expect("a sentence of 43 words, at most 40: Begin all of it `code`,")

    def test_a_function_without_a_step(self):
        self.spoil(FIRST, "### Step 1: `greet`", "### Step 1: greet")
        self.expect("no step of `## Write it` is headed `greet`")

    def test_a_check_of_another_lesson(self):
        self.spoil(FIRST, "make check LESSON=1", "make check LESSON=2")
        self.expect("`## Check it` does not say `LESSON=1`")

    def test_a_hint_that_is_not_closed(self):
        self.spoil(FIRST, "Begin.\n</details>", "Begin.")
        self.expect("a hint inside the one of line 45: </details> is missing")

    def test_a_hint_that_is_closed_twice(self):
        self.spoil(FIRST, "Begin.\n</details>", "Begin.\n</details>\n</details>")
        self.expect("</details> without <details>")

    def test_a_last_hint_that_is_not_closed(self):
        self.spoil(FIRST, "```\n</details>", "```")
        self.expect("this <details> is never closed")

    def test_a_hint_that_is_no_markdown(self):
        self.spoil(
            FIRST, "<details><summary>Hint 1</summary>\n\n", "<details><summary>Hint 1</summary>\n"
        )
        self.expect("behind </summary> comes an empty line")

    def test_a_block_that_is_not_closed(self):
        self.spoil("lessons/03-the-end/README.md", "Nothing.", "```text\nNothing.")
        self.expect("this block is never closed")

    def test_a_long_line(self):
        self.spoil(FIRST, "Some text.", "Some text " + "and more " * 12)
        self.expect("more than 110 columns in lines 19")

    def test_a_long_line_in_a_table_or_code(self):
        self.spoil(FIRST, "the work", "the work " + "and more " * 12)
        self.spoil("lessons/03-the-end/README.md", "Nothing.", "```text\n" + "long " * 30 + "\n```")
        self.assertEqual(self.complaints(), [])

    def test_a_console_block_in_disguise(self):
        self.spoil("lessons/03-the-end/README.md", "Nothing.", "```text\n$ ls\n```")
        self.expect("a text block that begins with `$ `")

    # ---- links ----

    def test_a_link_to_no_file(self):
        self.spoil("lessons/README.md", "02-go-on/README.md", "02-go/README.md")
        self.expect("there is no 02-go/README.md")

    def test_a_link_to_no_heading(self):
        self.spoil(FIRST, "(#the-idea)", "(#an-idea)")
        self.expect("this page has no heading for #an-idea")

    def test_a_link_with_another_number(self):
        self.spoil(FIRST, "[lesson 2](", "[lesson 3](")
        self.expect('"lesson 3" leads to lesson 2, go on')

    def test_a_link_with_another_title(self):
        self.spoil("lessons/README.md", "[go on]", "[listen]")  # there are two such links then
        self.expect('"listen" leads to lesson 2, go on')

    def test_a_number_with_another_title(self):
        self.spoil(FIRST, 'Lesson 1, "listen"', 'Lesson 1, "go on"')
        self.expect('lesson 1 is "listen", not "go on"')

    def test_a_number_with_another_title_in_brackets(self):
        self.spoil(FIRST, 'Lesson 1, "listen"', 'Lesson 2 (listen)')
        self.expect('lesson 2 is "go on", not "listen"')

    def test_a_number_that_is_none(self):
        self.spoil("lessons/03-the-end/README.md", "Nothing.", "See lesson 17.")
        self.expect("there is no lesson 17")

    def test_a_picture_without_words(self):
        self.spoil(FIRST, "Two boxes with an arrow between", "")
        self.expect("the picture ../pictures/boxes.svg needs words")

    def test_a_picture_that_is_missing(self):
        (self.root / "lessons/pictures/boxes.svg").unlink()
        self.expect("there is no ../pictures/boxes.svg", count=2)

    def test_a_picture_that_nobody_shows(self):
        (self.root / "lessons/pictures/more.svg").write_text("<svg/>")
        self.expect("no page shows pictures/more.svg")

    def test_a_number_in_a_picture(self):
        (self.root / "lessons/pictures/boxes.pik").write_text('box "`greet`  2"\nbox "`main`  2"\n')
        self.expect("lessons/pictures/boxes.pik:1: greet is of lesson 1")

    # ---- functions and notes ----

    def test_a_function_that_is_taught_nowhere(self):
        self.spoil(SECOND, "| `main` | `one.c` | the work |\n", "")
        self.expect("main (one.c:19) stands 0 times")

    def test_a_function_that_is_taught_elsewhere(self):
        self.spoil(SECOND, "| `main` |", "| `greet`, `main` |")
        self.expect("greet is of lesson 1, says the comment above it")

    def test_a_given_function_in_a_table(self):
        self.spoil(FIRST, "| `greet` |", "| `greet`, `rest` |")
        self.expect("rest is provided in lesson 1")

    def test_a_function_in_another_file(self):
        self.spoil(SECOND, "| `one.c` |", "| `two.c` |")
        self.expect("main is in one.c")

    def test_a_function_without_a_lesson(self):
        self.spoil("one.c", "Lesson 1, provided. Does nothing.", "Does nothing.")
        self.expect('the comment above rest does not begin "Lesson N. "')

    def test_a_note_that_nobody_matches(self):
        self.spoil(SECOND, "[S1](../notes.md#s1)", "[C1](../notes.md#c1)")
        self.expect("no lesson matches the note S1")

    def test_a_note_that_is_not_there(self):
        self.spoil("lessons/notes.md", "## S1", "## S2")
        self.expect("there is no heading or anchor `s1`", "notes.md has no heading for #s1", count=2)

    def test_a_note_beside_another_id(self):
        self.spoil(SECOND, "[S1](", "[C1](")
        self.expect("[C1](../notes.md#s1) is no point of the notes")

    def test_a_lesson_without_a_note(self):
        checker.Course.notes_wanted, kept = lambda *_: True, checker.Course.notes_wanted
        self.addCleanup(setattr, checker.Course, "notes_wanted", kept)
        self.spoil(SECOND, "It matches [S1](../notes.md#s1).", "It matches a note.")
        self.expect(
            "before `## The idea`, it says which note it matches",
            "no lesson matches the note S1",
            count=2,
        )

    # ---- what commands print ----

    def test_output_that_differs(self):
        self.spoil(FIRST, "port 8080\n…", "port 8081\n…")
        self.expect("README.md:23:", "shown:   port 8081", "printed: port 8080", quick=False)

    def test_output_that_differs_behind_lines_left_out(self):
        self.spoil(FIRST, "t…e\n", "f…e\n")
        self.expect("README.md:25:", "shown:   f…e", quick=False)

    def test_output_that_is_not_shown(self):
        self.spoil(FIRST, "port 8080\n…\nt…e\n", "port 8080\ntwo\n")
        self.expect("shown:   (nothing more)", "printed: three", quick=False)

    def test_a_command_that_fails_in_silence(self):
        self.spoil(FIRST, "$ cd pictures; true", "$ cd pictures; false")
        self.expect("has failed, with status 1", quick=False)

    def test_a_command_that_fails_behind_lines_left_out(self):
        self.spoil(FIRST, "$ cd pictures; true", "$ cd pictures; ls no-such-file\n…")
        self.expect("has failed, with status 2", quick=False)

    def test_a_command_that_is_never_over(self):
        self.spoil(FIRST, "$ cd pictures; true", "$ cd pictures; sleep 60 & wait")
        said = self.complaints(quick=False)
        self.assertIn("was not over within 2 seconds", "\n".join(said))

    def test_a_command_that_no_script_can_run(self):
        self.spoil(FIRST, "$ cd pictures; true", "$ sudo true\n$ cd pictures")
        self.expect("no script can run `sudo true`", quick=False)

    def test_a_server_that_says_something_else(self):
        self.spoil(FIRST, "listening on http://127.0.0.1:8080/", "listening on http://127.0.0.1:8081/")
        self.expect(
            "has not shown it in time",
            "printed: listening on http://127.0.0.1:8080/",
            quick=False,
            count=2,
        )

    def test_a_server_that_ends(self):
        self.spoil(FIRST, "$ ./server --verbose", "$ echo no server")
        self.expect("has ended", "printed: no server", quick=False, count=2)

    def test_a_server_that_does_not_end(self):
        self.spoil(FIRST, "$ ./server --verbose", "$ ./server --stubborn")
        self.expect("does not end with Ctrl-C", quick=False)

    def test_a_block_that_goes_on_with_nothing(self):
        self.spoil(FIRST, "```console\n$ echo", "```console\necho")
        self.expect("a console block begins with a command", count=2, quick=False)

    def test_nothing_is_left_running(self):
        self.spoil(FIRST, 
            "$ ./server --verbose", f"$ cd '{self.root}' && ./copy/server --port 8080 --stubborn"
        )
        (self.root / "copy").mkdir()
        (self.root / "copy/server").write_text(PROGRAM)
        os.chmod(self.root / "copy/server", 0o755)
        self.expect("does not end with Ctrl-C", quick=False)
        with self.assertRaises(ProcessLookupError):
            os.kill(int((self.root / "pid").read_text()), 0)

    def test_ports(self):
        terminals = console.Terminals(self.root, None)
        port = terminals.port("8080")
        for written, run in {
            "./server": f"./server --port {port}",
            "./server --wire": f"./server --port {port} --wire",
            "./server --port 8080": f"./server --port {port}",
            "./server --help": "./server --help",
            "ls -l ./server": "ls -l ./server",
            "true && X=1 workshop/server": f"true && X=1 workshop/server --port {port}",
            "strace -f -c ./server": f"strace -f -c ./server --port {port}",
            "make run": f'make run ARGS="--port {port}"',
            'make run ARGS="--verbose"': f'make run ARGS="--port {port} --verbose"',
            "curl localhost:8080/8080x": f"curl localhost:{port}/8080x",
        }.items():
            self.assertEqual(terminals.prepared(written), run)

    def test_one_lesson_alone(self):
        self.spoil(SECOND, "# Lesson 2: go on", "# Lesson 2: go")
        self.assertEqual(self.complaints(only=[1]), [])
        self.expect("the first line is to be", only=[2])

    def test_anchors_are_as_github_makes_them(self):
        for heading, anchor in {
            "Is it an upgrade?": "is-it-an-upgrade",
            "A frame's header": "a-frames-header",
            "`make_room`, again": "make_room-again",
            "C1 – two ways": "c1--two-ways",
        }.items():
            self.assertEqual(checker.slug(heading), anchor)


if __name__ == "__main__":
    os.environ.pop("MAKEFLAGS", None)
    unittest.main()
