/**
 * The demo's pretraining on each engine, loss by loss: what `--engine` and `--precision` change. Takes the features in
 * runs/demo and writes nothing there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOptions } from './options.js';
import { ROOT } from './python.js';
import { machine, saveSection } from './report.js';
import { formatTable } from './table.js';

const VARIANTS = {
  ort: ['--engine', 'ort'],
  tensorflow: ['--engine', 'tensorflow', '--precision', 'fp32'],
  'tensorflow bf16': ['--engine', 'tensorflow', '--precision', 'bf16'],
};
const SHOWN = [1, 5, 10, 20, 50, 100, 200, 300, 400, 500];
const [FIRST, EPOCHS] = [20, 6];
const CLI = join(ROOT, 'apps', 'runner', 'bin', 'wbdc.js');
const CONFIG = join(ROOT, 'apps', 'runner', 'configs', 'demo.yaml');
const DEMO = join(ROOT, 'runs', 'demo');

/** Ctrl-C: the pretraining that runs stops after its step, and the table shows what all have. */
let interrupted = false;
process.once('SIGINT', () => (interrupted = true)); // a second one ends the process at once

/** The losses of a pretraining, step by step; none where it cannot run here. */
async function lossesOf(folder: string, name: string, options: readonly string[]): Promise<number[] | undefined> {
  process.stderr.write(`${name}\n`);
  const run = name.replace(' ', '-');
  const settings = ['--set', `train.epochs=${EPOCHS}`, '--set', 'run.base=demo'];
  const command = [CLI, 'pretrain', '--config', CONFIG, '--name', run, ...settings, ...options];
  const child = spawn(process.execPath, command, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told = (told + text).slice(-2000)));
  const [status] = (await once(child, 'close')) as [number | null];
  const written = join(folder, 'runs', run, 'pretrain', 'metrics.jsonl');
  if (status === 0 || (interrupted && existsSync(written))) return readLosses(written);
  process.stderr.write(`not run: ${name}: ${told.trim()}\n`);
  return undefined;
}

function readLosses(path: string): number[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as { type: string; loss: number });
  return rows.filter(({ type }) => type === 'step').map(({ loss }) => loss);
}

function formatLosses(all: Readonly<Record<string, readonly number[]>>): string {
  const { ort, ...others } = all;
  const apart = (losses: readonly number[], steps: number): string =>
    Math.max(...ort.slice(0, Math.min(steps, last)).map((loss, i) => Math.abs(losses[i] - loss) / loss)).toExponential(
      1,
    );
  const last = Math.min(...Object.values(all).map((losses) => losses.length));
  const steps = [...SHOWN.filter((step) => step < last), last];
  const rows = steps.map((step) => [
    `step ${step}`,
    ...Object.values(all).map((losses) => losses[step - 1].toFixed(4)),
  ]);
  const summary = [...new Set([Math.min(FIRST, last), last])].map((count) => [
    `furthest from ort, steps 1 to ${count}`,
    '-',
    ...Object.values(others).map((losses) => apart(losses, count)),
  ]);
  return formatTable(['loss', ...Object.keys(all)], [...rows, ...summary]);
}

const options = readOptions(1);
if (!existsSync(join(DEMO, 'features'))) {
  console.error(`expected features in ${DEMO}, got none: run 'npx wbdc run features --config ${CONFIG}' first`);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'wbdc-losses-'));
try {
  mkdirSync(join(folder, 'runs'));
  symlinkSync(DEMO, join(folder, 'runs', 'demo'));
  const losses: Record<string, number[]> = {};
  for (const [name, arguments_] of Object.entries(VARIANTS)) {
    const found = interrupted ? undefined : await lossesOf(folder, name, arguments_);
    if (found && found.length > 0) losses[name] = found;
  }
  if (!('ort' in losses)) throw new Error('interrupted before anything was measured');
  const work =
    `Pretraining on the demo data, ${EPOCHS} epochs of batches of 32: the same weights, batches and ` +
    `masks on every engine.`;
  const text = `${work} Distances are relative.\n${machine()}\n\n${formatLosses(losses)}`;
  console.log(options.json ? JSON.stringify(losses) : text);
  if (options.save) saveSection(join(ROOT, 'bench', 'results.md'), 'losses', text);
} finally {
  rmSync(folder, { recursive: true });
}
