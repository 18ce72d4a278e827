#!/usr/bin/env python3
"""Counts lines of code in the same way for several programs: lines that are neither blank nor comment.

    tests/compare/lines.py NAME=FILE-OR-FOLDER...        (make compare does)

Of a folder, the C, C++, JavaScript and Python files in it and below count. Several files of one
program are several words behind its NAME: 'this server=server.c stream.c'.
"""
import io
import pathlib
import re
import sys
import tokenize

ENDINGS = ('.c', '.h', '.inl', '.cpp', '.hpp', '.ipp', '.js', '.mjs', '.py')
# What holds a comment's mark without being one comes first: texts, and in JavaScript patterns.
TEXT = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
COMMENT = r'/\*.*?\*/|//(?:\\\n|[^\n])*'
PATTERN = r'(?<=[(=,:!&|?])\s*/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/'


def without_comments(text, javascript):
    """The text of a program in C, C++ or JavaScript; of its comments, the ends of line are left."""
    words = '|'.join([TEXT, COMMENT] + ([r'`(?:\\.|[^`\\])*`', PATTERN] if javascript else []))

    def keep(found):
        comment = found[0].startswith(('/*', '//'))
        return ' ' + '\n' * found[0].count('\n') if comment else found[0]
    return re.sub(words, keep, text, flags=re.S)


def python_lines(text):
    """The lines on which a Python program has something that is neither comment nor docstring."""
    lines, begins = set(), True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT,
                          tokenize.ENDMARKER):
            continue
        docstring = token.type == tokenize.STRING and begins
        begins = token.type == tokenize.NEWLINE
        if not docstring and not begins:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def count(path):
    text = path.read_text(encoding='utf-8', errors='replace')
    if path.suffix == '.py':
        return python_lines(text)
    text = without_comments(text, path.suffix in ('.js', '.mjs'))
    return sum(1 for line in text.splitlines() if line.strip())


def files(words):
    for path in map(pathlib.Path, words.split()):
        if path.is_dir():
            yield from (p for p in sorted(path.rglob('*')) if p.suffix in ENDINGS and p.is_file())
        elif path.is_file():
            yield path
        else:
            sys.exit(f'There is no {path}: make bench-deps installs the other servers.')


def main():
    programs = [argument.partition('=')[::2] for argument in sys.argv[1:]]
    if not programs or not all(words for _, words in programs):
        sys.exit(__doc__)
    print('| program | lines of code | files |\n| --- | --- | --- |')
    for name, words in programs:
        counts = [count(path) for path in files(words)]
        print(f'| {name} | {sum(counts):,} | {len(counts)} |')


if __name__ == '__main__':
    main()
