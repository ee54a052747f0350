import { readFile, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Variable } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';
import { exists, fileError, makeFolder, readJson, syncFolder, writeFileAtomic, writeJson } from '@wbdc/io';
import { openSafetensors, writeSafetensors, type TensorSource } from '@wbdc/checkpoints/node';
import type { Optimizer } from './adamw.js';
import { assertSameConfig } from './config.js';
import { assertNames, assignTensors } from './tensors.js';

/** Where a run stands. The seed and the step give all random numbers and, by a pure `batchAt`, the data. */
export interface RunState {
  /** Updates done. */
  readonly step: number;
  readonly seed: number;
  /** What else the caller wants back, as JSON: the position in the data, the best score so far. */
  readonly cursor?: unknown;
}

export interface CheckpointContent {
  readonly params: ParamTree;
  readonly optimizer?: Optimizer;
  /** As JSON; what the weights depend on is compared when loading. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly state: RunState;
  /** Files to keep beside the weights, the tokenizer's, say: paths of those to copy, or what to write. */
  readonly files?: readonly (string | CheckpointFile)[];
}

/** A file to write into a checkpoint's folder. */
export interface CheckpointFile {
  readonly name: string;
  readonly contents: string | Uint8Array;
}

const FORMAT = 1;
const MODEL = 'model.safetensors';
const OPTIMIZER = 'optimizer.safetensors';
const CONFIG = 'config.json';
const STATE = 'state.json';

/**
 * Writes a checkpoint folder: model.safetensors, optimizer.safetensors, config.json, state.json and copied files. It is
 * written to a temporary name beside it and renamed, and the one that stood there is removed last: whenever the process
 * is killed, `findCheckpoint` finds a whole one.
 */
export async function saveCheckpoint(folder: string, content: CheckpointContent): Promise<void> {
  const temporary = join(dirname(folder), `.${basename(folder)}.tmp`);
  try {
    await rm(temporary, { recursive: true, force: true });
    await makeFolder(temporary);
    await writeContent(temporary, content);
    await syncFolder(temporary);
    await replaceFolder(temporary, folder);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined); // the first error is the one to tell
    throw new WbdcError(
      `checkpoint ${folder} was not saved, earlier ones are intact: ${fileError('write', folder, cause).message}`,
      {
        cause,
      },
    );
  }
}

async function writeContent(
  folder: string,
  { params, optimizer, config, state, files = [] }: CheckpointContent,
): Promise<void> {
  await writeSafetensors(join(folder, MODEL), paramSources(params), { format: 'wbdc' });
  if (optimizer) await writeSafetensors(join(folder, OPTIMIZER), optimizer.state());
  await writeJson(join(folder, CONFIG), config);
  for (const file of files) {
    if (typeof file === 'string') await writeFileAtomic(join(folder, basename(file)), await readFile(file));
    else await writeFileAtomic(join(folder, file.name), file.contents);
  }
  await writeJson(join(folder, STATE), { format: FORMAT, ...state });
}

/** Parameters as tensors to write, one at a time. */
export function paramSources(params: ParamTree): TensorSource[] {
  return flatten(params).map(({ path, leaf }) => {
    return { name: path, dtype: 'F32', shape: leaf.shape, values: () => leaf.data<'float32'>() };
  });
}

/** A folder cannot be renamed onto another: the old one steps aside first, under a name that `findCheckpoint` knows. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const aside = asideOf(to);
  if (await exists(to)) {
    await rm(aside, { recursive: true, force: true });
    await rename(to, aside);
  }
  await rename(from, to);
  await syncFolder(dirname(to));
  await rm(aside, { recursive: true, force: true });
}

function asideOf(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}.old`);
}

/** The name of a step's folder in a series. */
function stepFolder(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/** Writes `<root>/step-<step>` and then removes the oldest folders of the series beyond the last `keep`. */
export async function saveStepCheckpoint(root: string, content: CheckpointContent, keep = 2): Promise<string> {
  if (!(keep >= 1)) throw new RangeError(`saveStepCheckpoint: expected to keep at least 1 checkpoint, got ${keep}`);
  const folder = join(root, stepFolder(content.state.step));
  await saveCheckpoint(folder, content);
  await removeUnfinished(root);
  const others = (await stepsIn(root)).filter((step) => step < content.state.step);
  for (const step of others.slice(0, Math.max(0, others.length - keep + 1))) {
    const old = join(root, stepFolder(step));
    for (const path of [old, asideOf(old)]) await rm(path, { recursive: true, force: true });
  }
  return folder;
}

/** What a killed save of another step left behind. */
async function removeUnfinished(root: string): Promise<void> {
  const names = (await readdir(root)).filter((name) => /^\.step-\d+\.tmp$/.test(name));
  for (const name of names) await rm(join(root, name), { recursive: true, force: true });
}

/** The steps of a series, ascending, with those that a kill left half replaced. */
async function stepsIn(root: string): Promise<number[]> {
  const names = await readdir(root).catch(() => []);
  const steps = names.flatMap(
    (name) => /^(?:step-(\d+)|\.step-(\d+)\.old)$/.exec(name)?.slice(1).filter(Boolean) ?? [],
  );
  return [...new Set(steps.map(Number))].sort((a, b) => a - b);
}

/** True where {@link findCheckpoint} finds one: a folder may hold only what a killed first save left. */
export async function hasCheckpoint(path: string): Promise<boolean> {
  return (await find(path)) !== undefined;
}

/** The checkpoint folder a path means: itself, or the newest of a series in it. */
export async function findCheckpoint(path: string): Promise<string> {
  const folder = await find(path);
  if (folder) return folder;
  throw new WbdcError(
    `${path}: expected a checkpoint (a folder with ${STATE}) or a folder of step-* checkpoints, got neither`,
  );
}

async function find(path: string): Promise<string | undefined> {
  for (const folder of [path, asideOf(path)]) if (await exists(join(folder, STATE))) return folder;
  const newest = (await stepsIn(path)).at(-1);
  return newest === undefined ? undefined : find(join(path, stepFolder(newest)));
}

export interface CheckpointTarget {
  readonly params: ParamTree;
  readonly optimizer?: Optimizer;
  /** Top-level keys of the configuration that must equal the checkpoint's; others may differ. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/**
 * Loads a checkpoint into parameters and optimizer and gives its state. The configuration and each file's names and
 * shapes are checked before its values are taken; errors say what differs.
 */
export async function loadCheckpoint(path: string, { params, optimizer, config }: CheckpointTarget): Promise<RunState> {
  const folder = await findCheckpoint(path);
  const state = checkState(await readJson(join(folder, STATE)), join(folder, STATE));
  if (config) assertSameConfig(config, await readJson(join(folder, CONFIG)), join(folder, CONFIG));
  await loadParams(join(folder, MODEL), params);
  if (optimizer) await restoreOptimizer(join(folder, OPTIMIZER), optimizer);
  return state;
}

/**
 * Reads a file's weights into all parameters of a tree. With a prefix such as `encoder.`, it takes only the names that
 * start with it and drops it: the encoder of a pretrained model, say.
 */
export async function loadParams(path: string, params: ParamTree, prefix = ''): Promise<void> {
  const file = await openSafetensors(path);
  try {
    const variables = new Map(flatten(params).map(({ path: name, leaf }) => [prefix + name, leaf as Variable]));
    const tensors = new Map([...file.tensors].filter(([name]) => name.startsWith(prefix)));
    assertNames({ ...file, tensors }, variables);
    await assignTensors(file, variables);
  } finally {
    await file.close();
  }
}

async function restoreOptimizer(path: string, optimizer: Optimizer): Promise<void> {
  const file = await openSafetensors(path);
  try {
    await optimizer.restore(file);
  } finally {
    await file.close();
  }
}

function checkState(value: unknown, path: string): RunState {
  const { format, step, seed, ...rest } = (value ?? {}) as Record<string, unknown>;
  if (format !== FORMAT) {
    throw new WbdcError(
      `${path}: expected format ${FORMAT}, got ${String(format)}: written by another version of @wbdc/train`,
    );
  }
  for (const [name, number] of Object.entries({ step, seed })) {
    if (!Number.isSafeInteger(number))
      throw new WbdcError(`${path}: expected ${name} to be a whole number, got ${String(number)}`);
  }
  return { step: step as number, seed: seed as number, ...rest };
}
