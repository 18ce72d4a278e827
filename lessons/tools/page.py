"""page.py - reads a page of the course, a Markdown file, into its parts: headings, blocks, links

For check-lessons and handbook. It knows as much of Markdown as the lessons use.
"""
import html
import pathlib
import re

FENCE = re.compile(r"^(\s*)(```+)\s*(\S*)\s*$")
REMARK = re.compile(r"^\s*<!-- (code|terminal): (.+?) -->\s*$")


class Block:
    """A fenced block: ```LANGUAGE, with the remark in the line above it, if there is one."""

    def __init__(self, language, first, lines, remark):
        self.language = language
        self.first = first  # the number of its first line
        self.lines = lines
        self.remark = remark  # ("code", "receive"), or None


class Link:
    def __init__(self, line, words, target, picture):
        self.line, self.words, self.target, self.picture = line, words, target, picture


def slug(heading):
    """The anchor that GitHub gives to a heading."""
    words = re.sub(r"<[^>]*>", "", heading)
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", words)
    words = re.sub(r"[*`]|(?<!\w)_|_(?!\w)", "", html.unescape(words)).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


class Page:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.lines = self.path.read_text(encoding="utf-8").split("\n")
        self.blocks = []
        self.open_fence = None  # the number of a line whose block is never closed
        self.prose = list(self.lines)  # the lines, those of blocks empty
        self._find_blocks()
        self.headings = [
            (number, len(found[1]), found[2].strip())
            for number, line in enumerate(self.prose, 1)
            if (found := re.match(r"^(#{1,6}) (.*)$", line))
        ]

    def _find_blocks(self):
        opening = None
        for number, line in enumerate(self.lines, 1):
            fence = FENCE.match(line)
            if opening is None and fence:
                remark = REMARK.match(self.lines[number - 2]) if number > 1 else None
                opening, indent, lines = fence, len(fence[1]), []
                block = Block(fence[3], number + 1, lines, (remark[1], remark[2]) if remark else None)
                self.open_fence = number
            elif opening is not None and fence and fence[2] == opening[2] and not fence[3]:
                self.blocks.append(block)
                opening = self.open_fence = None
            elif opening is not None:
                lines.append(line[indent:] if line[:indent].strip() == "" else line)
            if opening is not None or fence:
                self.prose[number - 1] = ""

    def anchors(self):
        found, seen = set(), {}
        for _, _, heading in self.headings:
            name = slug(heading)
            seen[name] = seen.get(name, -1) + 1
            found.add(name if seen[name] == 0 else f"{name}-{seen[name]}")
        return found | set(re.findall(r'<[^>]* (?:id|name)="([^"]+)"', "\n".join(self.prose)))

    def plain(self):
        """The prose without what stands in backticks, with as many lines."""
        return re.sub(r"`[^`]*`", lambda m: re.sub(r"[^\n]", " ", m[0]), "\n".join(self.prose))

    def links(self):
        text = self.plain()
        original = "\n".join(self.prose)
        for found in re.finditer(
            r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)?)\)", text
        ):
            line = text.count("\n", 0, found.start()) + 1
            words = " ".join(original[found.start(2) : found.end(2)].split())
            yield Link(line, words, found[3], found[1] == "!")

    def section(self, title):
        """The lines of a part, from behind its heading of level 2 to the next: [(number, line)]."""
        inside, found = False, []
        heads = {number: (level, words) for number, level, words in self.headings}
        for number, line in enumerate(self.lines, 1):
            if number in heads and heads[number][0] <= 2:
                inside = heads[number] == (2, title)
            elif inside:
                found.append((number, line))
        return found
