import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '@wbdc/io';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tensorBoardSink } from '../src/node.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'events-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Field = number | bigint | Buffer;

/** The fields of a protobuf message by number, decoded independently of the writer. */
function decode(bytes: Buffer): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    let value: Field;
    if ((tag & 7) === 0) value = varint();
    else if ((tag & 7) === 1) [value, at] = [bytes.readDoubleLE(at), at + 8];
    else if ((tag & 7) === 5) [value, at] = [bytes.readFloatLE(at), at + 4];
    else {
      const size = varint();
      [value, at] = [bytes.subarray(at, at + size), at + size];
    }
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

function unmask(crc: number): number {
  const rotated = (crc - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

function readEvents(bytes: Buffer): Map<number, Field[]>[] {
  const events: Map<number, Field[]>[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = Number(bytes.readBigUInt64LE(at));
    expect(unmask(bytes.readUInt32LE(at + 8))).toBe(crc32c(bytes.subarray(at, at + 8)));
    const payload = bytes.subarray(at + 12, at + 12 + size);
    expect(unmask(bytes.readUInt32LE(at + 12 + size))).toBe(crc32c(payload));
    events.push(decode(payload));
    at += size + 16;
  }
  return events;
}

function scalars(event: Map<number, Field[]>): Record<string, number> {
  const values = decode(event.get(5)![0] as Buffer)
    .get(1)!
    .map((value) => decode(value as Buffer));
  return Object.fromEntries(values.map((value) => [String(value.get(1)![0]), value.get(2)![0] as number]));
}

it('writes the events that TensorBoard reads', async () => {
  const sink = await tensorBoardSink(join(folder, 'a'), 299);
  const step = { type: 'step' as const, loss: 0.5, learningRate: 0.25, gradNorm: 2, seconds: 1 };
  await sink.write({ ...step, step: 300, videosPerSecond: 8, metrics: { 'mlm/loss': 0.75 } });
  await sink.write({ type: 'evaluation', step: 300, metrics: { 'tag/mAP': 0.125 }, seconds: 3 });
  await sink.flush?.();
  await sink.close?.();
  const [name] = await readdir(join(folder, 'a'));
  expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\./);
  const [version, start, training, evaluation] = readEvents(await readFile(join(folder, 'a', name)));
  expect(String(version.get(3)![0])).toBe('brain.Event:2');
  expect([start.get(2), decode(start.get(7)![0] as Buffer).get(1)]).toEqual([[300], [1]]);
  expect(training.get(2)).toEqual([300]);
  expect(Math.abs((training.get(1)![0] as number) - Date.now() / 1000)).toBeLessThan(60);
  const expected = { loss: 0.5, learning_rate: 0.25, grad_norm: 2, videos_per_second: 8, 'mlm/loss': 0.75 };
  expect(scalars(training)).toEqual(expected);
  expect(scalars(evaluation)).toEqual({ 'evaluation/tag/mAP': 0.125 });
});

it('says where it cannot write', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(tensorBoardSink(join(folder, 'file', 'x'))).rejects.toThrow(
    /cannot make the folder .*: a part of the path is a file/,
  );
});
