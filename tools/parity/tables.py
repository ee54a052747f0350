"""Cells of CSV and TSV as Python's csv module reads them: packages/data/test/fixtures/separated.json."""
import csv
import io
import json
import random

from common import ROOT

SEPARATORS = [",", "\t", ";", "|"]
CASES = [
    ('video\ttitle\ttags\na.mp4\t"猫咪"的第一次洗澡\t猫\nb.mp4\t狗\t狗\n', "\t"),
    ('video\ttitle\ttags\na.mp4\t"猫咪" 第一次洗澡\t猫\n', "\t"),
    ('a.mp4\t"大屏 27寸\t屏\nb.mp4\t狗\t狗\nc.mp4\t"小屏"\t屏\n', "\t"),
    ('a,第一次"洗澡"啦,""\n,,\n\n"",x', ","),
    ('a,"b ""c"" d",e\r\n"1\r\n2",3\r4,5', ","),
    ('a, "b, c"\n', ","),
    ('"never closed,\n1,2', ","),
    ('a,"', ","),
    ('a,\n', ","),
    ("", ","),
]


def rows(text, separator):
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def main():
    draw = random.Random(5)
    drawn = []
    for _ in range(300):
        separator = draw.choice(SEPARATORS)
        signs = ['"', '"', separator, "\n", "\r", "\r\n", "a", "猫", " ", draw.choice(SEPARATORS)]
        drawn.append(("".join(draw.choice(signs) for _ in range(draw.randint(1, 24))), separator))
    cases = [{"text": text, "separator": sign, "rows": rows(text, sign)} for text, sign in CASES + drawn]
    path = ROOT / "packages/data/test/fixtures/separated.json"
    path.write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
