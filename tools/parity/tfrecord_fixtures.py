"""AIAC fixtures: TFRecord files as the Python package `tfrecord` writes them, with a CRC of the package `crc32c`.

write <folder>: makes the fixtures, those of packages/io too.  check <file>: reads a file that ours wrote and prints it as JSON.
"""
import gzip
import json
import struct
import sys
from pathlib import Path

import numpy as np
from crc32c import crc32c
from tfrecord import TFRecordWriter
from tfrecord.reader import tfrecord_loader

WIDTH = 5


def frames(video: int, count: int) -> list[bytes]:
    return [(np.arange(WIDTH) / 4 + 10 * video + i).astype('<f2').tobytes() for i in range(count)]


def write(folder: Path) -> None:
    writer = TFRecordWriter(str(folder / 'pointwise.tfrecords'))
    for i, (count, tags, category) in enumerate([(3, [1056, 33, 2**40], 905), (1, [7], 2200), (40, [], 13)]):
        record = {
            'id': (str(10**18 + i).encode(), 'byte'),
            'title': (f'标题{i}😀'.encode(), 'byte'),
            'asr_text': ('语音'.encode() if i else b'', 'byte'),
            'frame_feature': (frames(i, count), 'byte'),
            'category_id': (category, 'int'),
            'a_float': ([0.5, -1.25], 'float'),
        }
        if tags:
            record['tag_id'] = (tags, 'int')
        writer.write(record)
    writer.close()
    plain = (folder / 'pointwise.tfrecords').read_bytes()
    (folder / 'pointwise.tfrecords.gz').write_bytes(gzip.compress(plain, mtime=0))
    rng = np.random.default_rng(3)
    cases = [b'', b'123456789', bytes(32), b'\xff' * 32, *(rng.bytes(n) for n in (1, 7, 8, 9, 63, 101))]
    checksums = Path(__file__).parents[2] / 'packages/io/test/fixtures/crc32c.json'
    checksums.write_text(json.dumps([{'hex': case.hex(), 'crc': crc32c(case)} for case in cases]))


def check(path: str) -> None:
    data, at = Path(path).read_bytes(), 0
    while at < len(data):
        length, crc = struct.unpack('<QI', data[at:at + 12])
        for part, stored in ((data[at:at + 8], crc),
                             (data[at + 12:at + 12 + length], struct.unpack('<I', data[at + 12 + length:at + 16 + length])[0])):
            value = crc32c(part)
            assert ((value >> 15 | value << 17) + 0xa282ead8) & 0xffffffff == stored, at
        at += 16 + length
    for record in tfrecord_loader(path, None):
        print({name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in record.items()})


if __name__ == '__main__':
    write(Path(sys.argv[2])) if sys.argv[1] == 'write' else check(sys.argv[2])
