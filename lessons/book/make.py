#!/usr/bin/env python3
"""Makes the book: the course as a site of static pages that work from a folder, without a server.

    lessons/book/make.py [FOLDER]       build/book unless told otherwise

A page for each page of the course and for each source file, a cover, and what they share: book.css,
book.js (menu, copying, search), player.js (the debugger that plays the recordings). pandoc turns Markdown
into HTML and colours C; the handbook's generator shares how links and terminals are treated.
It fails if a link leads nowhere or a recording does not fit the source.
"""
import concurrent.futures
import html
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import shutil
import string
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COURSE = ROOT / "lessons"
sys.path[:0] = [str(HERE), str(COURSE / "tools")]
import recordings  # noqa: E402
from course import LESSONS  # noqa: E402
from page import Page  # noqa: E402

MINISEARCH = ROOT / "tests/node_modules/minisearch/dist/umd/index.js"
TITLE = "WebSockets in C"


def load_handbook():
    loader = importlib.machinery.SourceFileLoader("handbook", str(COURSE / "tools/handbook"))
    spec = importlib.util.spec_from_loader("handbook", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


sys.dont_write_bytecode = True  # no __pycache__ beside the handbook
handbook = load_handbook()


class Sheet:
    """One page of the site: where it is, what it is called, and its HTML between <main> and </main>."""

    def __init__(self, address, title, body, kind="lesson"):
        self.address, self.title, self.body, self.kind = address, title, body, kind
        self.up = "../" * address.count("/")


def pandoc(text, source="gfm", *more):
    return subprocess.run(["pandoc", "--from", source, "--to", "html5", "--wrap", "preserve", *more],
                          input=text, capture_output=True, text=True, check=True).stdout


# ---- code: each function's name leads to its lines ----


class Code:
    """The source files, and where each function is."""

    def __init__(self):
        self.files = sorted(path.name for path in ROOT.glob("*.[ch]"))
        self.functions = recordings.functions()
        self.best = recordings.best_for()
        places = {}
        for function in self.functions:
            places.setdefault(function.name, []).append(function)
        self.unique = {name: found[0] for name, found in places.items() if len(found) == 1}

    def address(self, function):
        return f"source/{function.file}.html#{function.name}"

    def link_words(self, text, up):
        """`stream_fill` and `stream.c` in a sentence become links."""
        def link(match):
            name = match[1]
            if name in self.files:
                return f'<a href="{up}source/{name}.html">{match[0]}</a>'
            function = self.unique.get(name.removesuffix("()"))
            return f'<a href="{up}{self.address(function)}">{match[0]}</a>' if function else match[0]
        parts = re.split(r"(<a .*?</a>|<summary>.*?</summary>|<h\d.*?</h\d>|<pre.*?</pre>)", text, flags=re.S)
        return "".join(part if i % 2 else re.sub(r"<code>([\w.]+(?:\(\))?)</code>", link, part)
                       for i, part in enumerate(parts))

    def link_calls(self, text, up, own=None):
        """In coloured code, a call leads to the function."""
        def link(match):
            function = self.unique.get(match[1])
            if function is None or match[1] == own:
                return match[0]
            return f'<a class="call" href="{up}{self.address(function)}">{match[1]}</a>{match[2]}'
        return re.sub(r'(?<![\w">])([a-z]\w+)((?:<span class="op">)?\()', link, text)


def source_sheet(code, name, lesson_addresses):
    text = (ROOT / name).read_text(encoding="utf-8")
    colours = pandoc(f"~~~~{{.c}}\n{text}~~~~\n", "markdown")
    lines = re.search(r"<code[^>]*>(.*)</code>", colours, re.S)[1].split("\n")
    starts = {function.first: function for function in code.functions if function.file == name}
    rows = []
    for number, line in enumerate(lines, 1):
        line = re.sub(r'^<span id="[^"]*"><a [^>]*></a>(.*)</span>$', r"\1", line)
        function = starts.get(number)
        line = code.link_calls(line, "../", function and function.name)
        mark, name_of_function = "", ""
        if function:
            lesson = lesson_addresses.get(function.lesson)
            mark = f'<a class="tag" href="../{lesson}">lesson {function.lesson}</a>' if lesson else ""
            if function.name in code.best:
                mark += f'<a class="tag" href="../player.html#{function.name}">step through</a>'
            name_of_function = f' id="{function.name}"'
        rows.append(f'<span class="row" id="L{number}"><a class="number"{name_of_function} href="#L{number}">{number}</a>'
                    f"{line}{mark}\n</span>")
    body = (f'<h1>{name}</h1>\n<pre class="source" tabindex="0"><code>{"".join(rows)}</code></pre>')
    return Sheet(f"source/{name}.html", name, body, "source")


# ---- pages of the course ----


def address_of(name):
    return f"{name}.html"


def with_links(text, page, addresses, code):
    """Links between the course's pages and to source files hold; those to other files become words."""
    def link(match):
        target = html.unescape(match[1])
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        file, _, anchor = target.partition("#")
        path = (page.path.parent / file).resolve()
        path = path / "README.md" if path.is_dir() else path
        if path.parent == ROOT and path.name in code.files:
            return f'<a href="source/{path.name}.html">{match[3]}</a>'
        if path not in addresses:
            return f"<span>{match[3]}</span>"
        return f'<a href="{addresses[path]}{"#" + anchor if anchor else ""}"{match[2]}>{match[3]}</a>'
    return re.sub(r'<a href="([^"]*)"([^>]*)>(.*?)</a>', link, text, flags=re.S)


def with_pictures(text, page, pictures):
    """A picture keeps a size that can be read; on a phone one moves it sideways, or opens it alone."""
    pictures.update((page.path.parent / found).resolve() for found in re.findall(r'<img src="([^":]*)"', text))
    text = re.sub(r'<p>(<img src="[^"]*?([^/"]+\.svg)"[^>]*>)</p>',
                  r'<div class="picture"><a href="pictures/\2" title="the picture alone">\1</a></div>', text)
    return re.sub(r'(<img src=")[^"]*?([^/"]+\.svg")', r"\1pictures/\2", text)


def tidy(text):
    """What pandoc writes for itself goes; what a keyboard must reach can be reached."""
    text = re.sub(r'<a href="#cb[^"]*"[^>]*></a>', "", text)
    text = re.sub(r'<span id="cb\d+-\d+">(.*?)</span>(?=\n|</code>)', r"\1", text)
    text = re.sub(r'<div class="sourceCode" id="cb\d+">(<pre\s+[^>]*>.*?</pre>)</div>', r"\1", text, flags=re.S)
    text = re.sub(r"<pre\b(?![^>]*tabindex)", '<pre tabindex="0"', text)
    text = re.sub(r"<table>", '<div class="table" tabindex="0"><table>', text)
    text = text.replace("</table>", "</table></div>").replace("<th></th>", "<td></td>")
    text = text.replace(' type="1"', "")        # of a list, which pandoc 3 says, and HTML does not know
    text = re.sub(r' style="[^"]*"', "", text)  # the server allows none that stands in a page
    return re.sub(r"<!--.*?-->\s*", "", text, flags=re.S)


def with_gdb(text):
    """In a tour, what is typed, what is said and where it stopped are told from what gdb prints."""
    def block(match):
        text = re.sub(r"^(\(gdb\) .*)$", r"<b>\1</b>", match[0], flags=re.M)
        text = re.sub(r"^(\| .*)$", r"<i>\1</i>", text, flags=re.M)
        return re.sub(r"^(== .*)$", r"<b>\1</b>", text, flags=re.M)
    return re.sub(r'(?<=<pre class="gdb"><code>).*?(?=</code>)', block, text, flags=re.S)


def contents(text):
    found = re.findall(r'<h2 id="([^"]*)">(.*?)</h2>', text, re.S)
    if len(found) < 3:
        return ""
    items = "".join(f'<li><a href="#{name}">{re.sub("<.*?>", "", words)}</a></li>' for name, words in found)
    return f'<nav class="contents" aria-label="On this page"><p>On this page</p><ul>{items}</ul></nav>'


def player(name):
    return (f'<div class="player" data-recording="{name}"><noscript><p>The player needs JavaScript. '
            f"The transcript below shows the same tour.</p></noscript></div>\n")


def with_player(text, name):
    if not recordings.exists(name):
        return text
    transcript = re.search(r'<pre[^>]* class="gdb".*?</pre>', text, re.S)
    if transcript is None:
        sys.exit(f"book: lesson {name} has a recording, but no transcript that its player could stand before")
    before, after = text[:transcript.start()], text[transcript.end():]
    folded = before.rfind("<details")
    if folded > before.rfind("</details>"):  # the transcript is folded already: the player is not
        return f"{text[:folded]}{player(name)}{text[folded:]}"
    return (f"{before}{player(name)}<details><summary>The same tour as gdb prints it</summary>"
            f"{transcript[0]}</details>{after}")


def course_sheet(name, page, addresses, code, pictures):
    text = pandoc(page.path.read_text(encoding="utf-8"))
    text = with_gdb(handbook.with_commands(with_pictures(with_links(text, page, addresses, code), page, pictures)))
    text = code.link_words(text, "")
    text = re.sub(r'<pre class="sourceCode c">.*?</pre>|<pre\nclass="sourceCode c">.*?</pre>',
                  lambda m: code.link_calls(m[0], ""), text, flags=re.S)
    text = with_player(tidy(text), name.removeprefix("lesson-"))
    title = html.unescape(re.sub(r"[`*]", "", handbook.title_of(page)))
    return Sheet(address_of(name), title, text.replace("</h1>", "</h1>" + contents(text), 1))


# ---- the cover, the player's page ----


def cover():
    items = "".join(f'<li><a href="lesson-{one.number:02}.html"><span>{one.number}</span> {html.escape(one.name)}</a> '
                    f"<small>{one.minutes} min</small></li>" for one in LESSONS)
    fill = {"lessons": items, "count": len(LESSONS), "hours": f"{sum(one.minutes for one in LESSONS) / 60:.0f}",
            "player": player("session") if recordings.exists("session") else ""}
    return Sheet("cover.html", TITLE, string.Template((HERE / "cover.html").read_text()).substitute(fill), "cover")


def player_sheet(titles):
    items = "".join(f'<li><a href="player.html#{name}/0">{html.escape(title)}</a></li>' for name, title in titles)
    return Sheet("player.html", "The recordings",
                 f'<h1>The recordings</h1>\n<ul class="recordings">{items}</ul>\n'
                 '<div class="player" data-choose></div>', "player")


# ---- the site ----


def link_to(sheet, here):
    current = ' aria-current="page"' if sheet is here else ""
    return f'<li><a href="{here.up}{sheet.address}"{current}>{html.escape(short(sheet.title))}</a></li>'


def short(title):
    return re.sub(r"^Lesson (\d+): ", r"\1 ", title)


def written(sheet, sheets, template):
    """A sheet as a whole page."""
    reading = [other for other in sheets if other.kind != "source"]
    sources = [other for other in sheets if other.kind == "source"]
    chain = sources if sheet.kind == "source" else reading
    at = chain.index(sheet)
    steps = []
    for words, other in (("Previous", chain[at - 1] if at > 0 else None),
                         ("Next", chain[at + 1] if at + 1 < len(chain) else None)):
        if other:
            steps.append(f'<a class="{words.lower()}" href="{sheet.up}{other.address}"><small>{words}</small> '
                         f"{html.escape(other.title)}</a>")
    scripts = '<script src="%splayer.js"></script>' % sheet.up if 'class="player"' in sheet.body else ""
    return template.substitute(
        title=html.escape(sheet.title if sheet.kind == "cover" else f"{sheet.title} · {TITLE}"),
        up=sheet.up, kind=sheet.kind, body=sheet.body, scripts=scripts, steps="".join(steps),
        pages="".join(link_to(other, sheet) for other in reading),
        sources="".join(link_to(other, sheet) for other in sources))


def search_entries(sheets):
    """What the search finds: each part of a page, from one heading to the next."""
    for sheet in sheets:
        if sheet.kind in ("cover", "player"):
            continue
        body = re.sub(r'<nav class="contents".*?</nav>|<div class="player".*?</div>|<pre[^>]* class="gdb".*?</pre>',
                      "", sheet.body, flags=re.S)
        if sheet.kind == "source":  # each row's number is no text
            body = re.sub(r'<a class="(?:number|tag)".*?</a>', "", body)
        parts = re.split(r'<h[123](?: id="([^"]*)")?>(.*?)</h[123]>', body, flags=re.S)
        for anchor, heading, text in zip(parts[1::3], parts[2::3], parts[3::3]):
            plain = re.sub(r"[-+=|]{3,}", " ", html.unescape(re.sub(r"<[^>]*>", "", text)))
            plain = " ".join(plain.split())
            heading = html.unescape(re.sub(r"<[^>]*>", "", heading))
            yield {"href": sheet.address + (f"#{anchor}" if anchor else ""), "page": sheet.title,
                   "heading": heading if heading != sheet.title else "", "text": plain}


def check_links(pages):
    """Every link and picture leads to something that is there: a list of sentences."""
    ids = {address: re.findall(r' id="([^"]+)"', text) for address, text in pages.items()}
    problems = [f"{address}: \"{name}\" is the place of two things" for address, names in ids.items()
                for name in sorted({name for name in names if names.count(name) > 1})]
    for address, text in pages.items():
        for target in sorted(set(re.findall(r' (?:href|src)="([^"]*)"', text))):
            file, _, anchor = html.unescape(target).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            path = os.path.normpath(os.path.join(os.path.dirname(address), file)) if file else address
            if path in pages and path != "player.html" and anchor and anchor not in ids[path]:
                problems.append(f"{address}: a link leads to {target}, which is nowhere")
            elif path not in pages and not (FOLDER / path).is_file():
                problems.append(f"{address}: {target} is missing")
    return problems


def script(name, value):
    """Data as a script: a page that was opened from a folder may not fetch."""
    return f"{name} = {json.dumps(value, ensure_ascii=False, separators=(',', ':'))};\n"


def function_places(code):
    """Where player.html leads who asks for a function."""
    return {function.name: "#{}/{}".format(*code.best[function.name]) if function.name in code.best
            else code.address(function) for function in code.functions}


def write_shared(sheets, code, pictures):
    for name in ("book.css", "book.js", "player.js", "player.css"):
        shutil.copyfile(HERE / name, FOLDER / name)
    shutil.copyfile(MINISEARCH, FOLDER / "minisearch.js")
    for folder in ("pictures", "recordings"):
        (FOLDER / folder).mkdir()
    for picture in pictures:
        shutil.copyfile(picture, FOLDER / "pictures" / picture.name)
    (FOLDER / "entries.js").write_text(script("var entries", list(search_entries(sheets))), encoding="utf-8")
    (FOLDER / "functions.js").write_text(script("var functions", function_places(code)), encoding="utf-8")
    for name in recordings.names():
        text = script(f"(window.recordings ??= {{}})[{json.dumps(name)}]", recordings.resolved(name))
        (FOLDER / "recordings" / f"{name}.js").write_text(text, encoding="utf-8")


def main():
    changed = recordings.changed_lines()
    if changed:
        sys.exit("\n".join(["book: the recordings do not fit the source", *changed]))
    code = Code()
    chosen = handbook.pages() + [("teaching", Page(COURSE / "teaching.md"))]
    addresses = {page.path.resolve(): address_of(name) for name, page in chosen}
    lesson_addresses = {int(name[7:]): address_of(name) for name, _ in chosen if name.startswith("lesson-")}
    pictures = {COURSE / "pictures/path.svg"}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        course = list(pool.map(lambda pair: course_sheet(*pair, addresses, code, pictures), chosen))
        sources = list(pool.map(lambda name: source_sheet(code, name, lesson_addresses), code.files))
    sheets = [cover(), *course]
    if recordings.names():
        titles = {sheet.address: sheet.title for sheet in course}
        named = [(n, titles.get(f"lesson-{n}.html", "A whole session: “Hello”, there and back"))
                 for n in recordings.names()]
        sheets.append(player_sheet(named))
    sheets += sources
    template = string.Template((HERE / "template.html").read_text(encoding="utf-8"))
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "source").mkdir(parents=True)
    write_shared(sheets, code, pictures)
    pages = {sheet.address: written(sheet, sheets, template) for sheet in sheets}
    for address, text in pages.items():
        (FOLDER / address).write_text(text, encoding="utf-8")
    # The cover has two names: our server has index.html as "/book/" only, and a folder has it by its name.
    shutil.copyfile(FOLDER / "cover.html", FOLDER / "index.html")
    problems = check_links(pages)
    if problems:
        sys.exit("\n".join(f"book: {problem}" for problem in problems))
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{FOLDER}/index.html: {len(pages)} pages, {len(recordings.names())} recordings, {size // 1024} KiB")


FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/book").resolve()
if __name__ == "__main__":
    main()
