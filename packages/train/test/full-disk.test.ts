import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileError } from '@wbdc/io/errors';
import { afterAll, describe, expect, it } from 'vitest';
import type { TelemetryRecord } from '../src/index.js';
import { jsonlSink, lastingSink, tensorBoardSink } from '../src/node.js';

const record = (step: number): TelemetryRecord => ({ type: 'evaluation', step, metrics: { mAP: 0.5 }, seconds: 1 });
const full = (): FileError => new FileError('cannot write x', 'the disk is full', 'ENOSPC');

describe('a sink that lasts', () => {
  it('tells once that records are lost, and goes on', async () => {
    const told: string[] = [];
    const written: number[] = [];
    let room = false;
    const sink = {
      write: ({ step }: TelemetryRecord) => (room ? void written.push(step) : Promise.reject(full())),
      flush: () => Promise.reject(full()),
    };
    const lasting = lastingSink(sink, ({ message }) => told.push(message));
    await lasting.write(record(1));
    await lasting.flush?.();
    room = true;
    await lasting.write(record(2));
    await lasting.close?.();
    expect({ told, written }).toEqual({ told: ['cannot write x: the disk is full'], written: [2] });
  });

  it('hides no other error', async () => {
    const sink = { write: () => Promise.reject(new TypeError('a fault of the program')) };
    await expect(lastingSink(sink, () => undefined).write(record(1))).rejects.toThrow(TypeError);
  });
});

const disk = mkdtempSync(join(tmpdir(), 'full-disk-'));
const mounted = mount();
afterAll(async () => {
  if (mounted === undefined) execFileSync('umount', ['--lazy', disk]);
  await rm(disk, { recursive: true });
});

/** A disk of 64 kB; why there is none. */
function mount(): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no disk of 64 kB can be mounted here: ${String(error).split('\n')[0]}`;
  }
}

describe('on a full disk', () => {
  it('records are whole lines, and go on when there is room again', async (context) => {
    if (mounted !== undefined) context.skip(mounted);
    const path = join(disk, 'metrics.jsonl');
    const sink = await jsonlSink(path);
    await sink.write(record(1));
    writeFileSync(join(disk, 'other'), Buffer.alloc(55 << 10));
    const told: string[] = [];
    const lasting = lastingSink(sink, ({ message }) => told.push(message));
    for (let step = 2; step < 200; step++) await lasting.write(record(step));
    expect(told).toEqual([`cannot write ${path}: the disk is full: free some space or choose another folder`]);
    rmSync(join(disk, 'other'));
    await lasting.write(record(200));
    await lasting.close?.();
    const steps = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as TelemetryRecord).step);
    expect(steps.at(-1)).toBe(200);
    expect(steps.length).toBeGreaterThan(2);
    expect(steps.length).toBeLessThan(199);
    expect(steps.slice(0, -1)).toEqual(Array.from({ length: steps.length - 1 }, (_, i) => i + 1));
    rmSync(path);
  });

  it('events for TensorBoard are whole records', async (context) => {
    if (mounted !== undefined) context.skip(mounted);
    const folder = join(disk, 'events');
    const sink = lastingSink(await tensorBoardSink(folder), () => undefined);
    writeFileSync(join(disk, 'other'), Buffer.alloc(50 << 10));
    for (let step = 1; step < 400; step++) await sink.write(record(step));
    await sink.close?.();
    const [name] = execFileSync('ls', [folder], { encoding: 'utf8' }).split('\n');
    const bytes = readFileSync(join(folder, name));
    let at = 0;
    while (at < bytes.length) at += 12 + Number(bytes.readBigUInt64LE(at)) + 4;
    expect(at).toBe(bytes.length);
    expect(bytes.length).toBeGreaterThan(4096);
  });
});
