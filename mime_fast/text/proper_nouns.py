"""Words that English writes with a capital wherever they stand: proper_nouns.txt."""

from pathlib import Path

from mime_fast.text.word_list import content_lines

PROPER_NOUNS = frozenset(
    word for line in content_lines(Path(__file__).with_suffix(".txt")) for word in line.split()
)
