#!/usr/bin/env python3
"""Makes the embedded text, Genesis 1 to 24 of the King James Version, and the whole text.

Both come from the Debian packages `bible-kjv` and `bible-kjv-text`; the translation is of 1611 and in the
public domain. With the packages installed:

    bible -l0 gen1:1-rev22:21 > all.txt
    scripts/make_text_excerpt.py all.txt FOLDER

writes FOLDER/kjv.txt and FOLDER/king-james-genesis.txt.gz: one verse a line, an empty line between chapters,
no verse numbers.
"""

import gzip
import pathlib
import re
import sys

EXCERPT = [f"Genesis {chapter}" for chapter in range(1, 25)]


def chapters(lines):
    """Titles of chapters with their verses."""
    found = []
    for line in lines:
        line = line.rstrip("\n")
        verse = re.fullmatch(r"\s+\d+ (.*)", line)
        if verse:
            found[-1][1].append(" ".join(verse[1].split()))
        elif line.strip():
            found.append((line.strip(), []))
    return found


def text(found):
    return "\n\n".join("\n".join(verses) for _, verses in found) + "\n"


def main():
    source, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    with open(source, encoding="ascii") as lines:
        found = chapters(lines)
    (folder / "kjv.txt").write_text(text(found))
    excerpt = text([chapter for chapter in found if chapter[0] in EXCERPT]).encode()
    # No time stamp, so that the file is always the same.
    (folder / "king-james-genesis.txt.gz").write_bytes(gzip.compress(excerpt, 9, mtime=0))
    print(f"{len(found)} chapters; excerpt of {len(excerpt)} bytes")


main()
