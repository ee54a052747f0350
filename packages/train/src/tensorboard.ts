import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileError, frameRecord, makeFolder } from '@wbdc/io';
import { concatBytes, protoDouble, protoField, protoFloat, protoInt, protoText } from '@wbdc/io/proto';
import { wholeAppends } from './append.js';
import type { Sink, TelemetryRecord } from './telemetry.js';

/**
 * Writes TensorBoard's event files into a folder: scalars `loss`, `learning_rate`, `grad_norm`, `videos_per_second` and
 * each metric by its name, evaluations under `evaluation/`. To go on after a checkpoint, give its step: TensorBoard
 * then drops what earlier files of the folder hold beyond it. Sources: `tensorflow/core/util/event.proto`,
 * `core/framework/summary.proto`, `core/lib/io/record_writer.cc`.
 */
export async function tensorBoardSink(folder: string, resumeStep?: number): Promise<Sink> {
  const guard = <T>(promise: Promise<T>): Promise<T> =>
    promise.catch((cause) => Promise.reject(fileError('write', folder, cause)));
  await guard(makeFolder(folder));
  const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
  const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`;
  const file = await guard(open(join(folder, name), 'a'));
  const appendBytes = await wholeAppends(file);
  const append = (...events: Uint8Array[]): Promise<void> => guard(appendBytes(concatBytes(events.map(frameRecord))));
  await append(event([protoText(FILE_VERSION, 'brain.Event:2')]));
  if (resumeStep !== undefined) await append(event([protoInt(STEP, resumeStep + 1), SESSION_START]));
  return {
    write: (record) => append(scalarsEvent(record.step, scalarsOf(record))),
    flush: () => guard(file.sync()),
    close: () => guard(file.close()),
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
const SESSION_START = protoField(SESSION_LOG, [protoInt(1, 1)]);

function scalarsEvent(step: number, scalars: Readonly<Record<string, number>>): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) => {
    return protoField(SUMMARY_VALUE, [protoText(VALUE_TAG, tag), protoFloat(VALUE_SIMPLE, value)]);
  });
  return event([protoInt(STEP, step), protoField(SUMMARY, values)]);
}

function event(fields: readonly Uint8Array[]): Uint8Array {
  return concatBytes([protoDouble(WALL_TIME, Date.now() / 1000), ...fields]);
}
