import { mkdir, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileError } from '@wbdc/io';
import { crc32c } from './crc32c.js';
import type { Sink, TelemetryRecord } from './telemetry.js';

/**
 * Writes TensorBoard's event files into a folder: scalars `loss`, `learning_rate`, `grad_norm`, `videos_per_second` and
 * each metric by its name, evaluations under `evaluation/`. To go on after a checkpoint, give its step: TensorBoard then
 * drops what earlier files of the folder hold beyond it.
 * Sources: `tensorflow/core/util/event.proto`, `core/framework/summary.proto`, `core/lib/io/record_writer.cc`.
 */
export async function tensorBoardSink(folder: string, resumeStep?: number): Promise<Sink> {
  const guard = <T>(promise: Promise<T>): Promise<T> =>
    promise.catch((cause) => Promise.reject(fileError('write', folder, cause)));
  await guard(mkdir(folder, { recursive: true }));
  const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
  const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`;
  const file = await guard(open(join(folder, name), 'a'));
  const append = (...events: Uint8Array[]): Promise<void> =>
    guard(file.appendFile(Buffer.concat(events.map(tfRecord))));
  await append(event([bytesField(FILE_VERSION, utf8('brain.Event:2'))]));
  if (resumeStep !== undefined) await append(event([varintField(STEP, resumeStep + 1), SESSION_START]));
  return {
    write: (record) => append(scalarsEvent(record.step, scalarsOf(record))),
    flush: () => guard(file.sync()),
    close: () => file.close(),
  };
}

function scalarsOf(record: TelemetryRecord): Record<string, number> {
  if (record.type === 'evaluation') {
    return Object.fromEntries(Object.entries(record.metrics).map(([name, value]) => [`evaluation/${name}`, value]));
  }
  const { loss, learningRate, gradNorm, metrics, videosPerSecond } = record;
  const speed = videosPerSecond === undefined ? {} : { videos_per_second: videosPerSecond };
  return { loss, learning_rate: learningRate, grad_norm: gradNorm, ...speed, ...metrics };
}

// Field numbers of tensorflow.Event, Summary and Summary.Value.
const WALL_TIME = 1;
const STEP = 2;
const FILE_VERSION = 3;
const SUMMARY = 5;
const SESSION_LOG = 7;
const SUMMARY_VALUE = 1;
const VALUE_TAG = 1;
const VALUE_SIMPLE = 2;
/** SessionLog { status: START }: events from this one's step on are void. */
const SESSION_START = bytesField(SESSION_LOG, varintField(1, 1));

function scalarsEvent(step: number, scalars: Readonly<Record<string, number>>): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) => {
    return bytesField(
      SUMMARY_VALUE,
      Buffer.concat([bytesField(VALUE_TAG, utf8(tag)), floatField(VALUE_SIMPLE, value)]),
    );
  });
  return event([varintField(STEP, step), bytesField(SUMMARY, Buffer.concat(values))]);
}

function event(fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([doubleField(WALL_TIME, Date.now() / 1000), ...fields]);
}

/** u64 length, its masked checksum, the payload, its masked checksum; little-endian. */
function tfRecord(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(payload.length));
  head.writeUInt32LE(masked(crc32c(head.subarray(0, 8))), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(masked(crc32c(payload)));
  return Buffer.concat([head, payload, tail]);
}

/** Rotated and shifted, so that a checksum of data that holds checksums stays a good one. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Uint8Array.from([...bytes, value]);
}

function varintField(field: number, value: number): Uint8Array {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function bytesField(field: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

function doubleField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint((field << 3) | 1), bytes]);
}

function floatField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), bytes]);
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
