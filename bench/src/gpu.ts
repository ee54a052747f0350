/**
 * The pretraining step on a GPU: ours by WebGPU, in float32 and float16, and by TensorFlow where it is built for CUDA,
 * against PyTorch on the same card. Each contender has the GPU to itself; what is done is written at once, so that an
 * end on the way leaves the rest: `node gpu.js [--steps n] [--seconds n] [--only a,b] [--out file without extension]
 * [--small] [--device cpu] [--save]`; the device is PyTorch's, `cpu` for a look without a card.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatProfile, type Profile } from './ceiling.js';
import { flopsOf, products } from './flops.js';
import { NotHere, Peer, type Contender, type StepReply } from './peer.js';
import { findPython, nodePeer, pythonPeer, ROOT, withoutPython } from './python.js';
import { LENGTHS, makeViews, narrow, recipeOf, writeForPython, type Recipe } from './recipe.js';
import { machine, saveSection } from './report.js';
import { digits, median } from './statistics.js';
import { formatTable } from './table.js';
import { sayPadding, sayRecipe } from './uni-model-peers.js';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '240' },
    only: { type: 'string', default: '' },
    out: { type: 'string', default: join(ROOT, 'bench', 'gpu') },
    small: { type: 'boolean', default: false },
    device: { type: 'string', default: 'cuda' },
    save: { type: 'boolean', default: false },
  },
});

/** Times that each batch is done again after a first round, which warms up. */
const ROUNDS = 3;
/** Contenders that compute nothing: what a step costs the host. */
const HOST_ONLY = 'webgpu null';
const BASELINES = ['torch', 'torch tf32', 'torch bf16'];

interface Row {
  readonly name: string;
  readonly about: string;
  readonly seconds: number;
  readonly loss: number | undefined;
  /** Of a step. */
  readonly dispatches: number | undefined;
}

interface Findings {
  readonly rows: Row[];
  readonly profiles: Profile[];
  readonly skipped: Record<string, string>;
}

function contenders(recipe: Recipe, folder: string, skipped: Record<string, string>): Contender[] {
  const settings = JSON.stringify(recipe);
  const ours = (engine: string, of = settings): Contender => nodePeer('uni-model.js', engine, ['train', engine, of]);
  const python = findPython('torch');
  if (!python) skipped['torch'] = withoutPython('torch');
  const torch = (name: string, precision: string, attention = 'sdpa'): Contender[] => {
    const args = ['train', 'equal', precision, folder, options.device, attention];
    return python && (precision !== 'tf32' || options.device === 'cuda')
      ? [pythonPeer(python, 'uni_model.py', name, args, recipe.threads)]
      : [];
  };
  return [
    ours('webgpu'),
    ...torch('torch', 'fp32'),
    ours('webgpu fp16'),
    ...torch('torch bf16', 'bf16'),
    ...torch('torch, attention written out', 'fp32', 'written'),
    ...torch('torch tf32', 'tf32'),
    ours(HOST_ONLY, JSON.stringify(narrow(recipe))),
    ours('tensorflow'),
  ];
}

/** All batches once to warm up, then in turn; the last may be profiled. */
async function measure(contender: Contender, steps: number, findings: Findings): Promise<void> {
  const peer = await Peer.start(contender);
  try {
    const replies: StepReply[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      for (let i = 0; i < steps; i++) replies.push(await peer.step(i));
    }
    const measured = replies.slice(steps);
    const [first, last] = [replies[steps - 1], replies.at(-1)!];
    findings.rows.push({
      ...{ name: peer.name, about: peer.introduction.about, loss: last.loss },
      seconds: median(measured.map(({ seconds }) => seconds)),
      dispatches: last.dispatches && Math.round((last.dispatches - first.dispatches!) / measured.length),
    });
    if (!/^webgpu( fp16)?$/.test(peer.name)) return;
    await peer.profile(steps - 1); // what only a profile compiles
    findings.profiles.push({ name: peer.name, ...(await peer.profile(steps - 1)) });
  } finally {
    await peer.stop();
  }
}

function table({ rows }: Findings, batch: number): string {
  const found = BASELINES.flatMap((name) => rows.find((row) => row.name === name) ?? []);
  const header = ['contender', 'ms a step', 'videos/s', 'dispatches', ...found.map(({ name }) => `speed / ${name}`)];
  const cells = rows.map(({ name, seconds, dispatches, loss }) => [
    ...[name, digits(1000 * seconds), name === HOST_ONLY ? '-' : digits(batch / seconds)],
    dispatches ? String(dispatches) : '-',
    ...found.map((base) => (name === HOST_ONLY ? '-' : digits(base.seconds / seconds))),
    name === HOST_ONLY || loss === undefined ? '-' : digits(loss),
  ]);
  return formatTable([...header, 'last loss'], cells);
}

function sayHost({ rows }: Findings): string[] {
  const host = rows.find(({ name }) => name === HOST_ONLY);
  if (!host?.dispatches) return [];
  const each = digits((1e6 * host.seconds) / host.dispatches);
  return [`- the host alone (Dawn's null device, which computes nothing): ${each} us of a step for each dispatch`];
}

const recipe = recipeOf({
  ...{ small: options.small, large: false, recompute: false, sizes: {}, threads: 4 },
  rounds: Number(options.steps) - 1,
});
const views = makeViews(recipe);
const folder = writeForPython(recipe, views);
const findings: Findings = { rows: [], profiles: [], skipped: {} };
const gflop = products(recipe, views.at(-1)!).reduce((sum, product) => sum + flopsOf(product) / 1e9, 0);

function report(): string {
  const work =
    `A training step (${sayRecipe(recipe)}; mlm + mfm + tag of ${recipe.tags}, dropout 0.1, clipping, ` + 'AdamW).';
  const told = findings.rows.map(({ name, about }) => `- ${name}: ${about}`);
  const skipped = Object.entries(findings.skipped).map(([name, why]) => `- not run: ${name}: ${why.split('\n')[0]}`);
  const how = `Each contender alone on the GPU, ${recipe.batches} batches ${ROUNDS} times after a first.`;
  const head = `${work} ${how}\n${machine()}`;
  const notes = [
    ...told,
    ...sayHost(findings),
    `- ${LENGTHS}; ${sayPadding(recipe, views)}; products of the profile's step: ${digits(gflop)} GFLOP`,
    ...skipped,
  ];
  return [head, table(findings, recipe.batch), notes.join('\n'), ...findings.profiles.map(formatProfile)].join('\n\n');
}

const begin = performance.now();
try {
  for (const contender of contenders(recipe, folder, findings.skipped)) {
    if (options.only && !options.only.split(',').includes(contender.name)) continue;
    if (performance.now() - begin > 1000 * Number(options.seconds)) {
      findings.skipped[contender.name] = `after ${options.seconds} s (--seconds)`;
      continue;
    }
    process.stderr.write(`${contender.name}\n`);
    try {
      await measure(contender, recipe.batches, findings);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      findings.skipped[contender.name] = reason;
      if (!(error instanceof NotHere)) process.stderr.write(`${contender.name}: ${reason}\n`);
    }
    mkdirSync(dirname(options.out), { recursive: true });
    writeFileSync(`${options.out}.md`, `${report()}\n`);
    writeFileSync(`${options.out}.json`, JSON.stringify({ machine: machine(), recipe, gflop, ...findings }, null, 2));
  }
  console.log(report());
  if (options.save) saveSection(join(ROOT, 'bench', 'results.md'), 'gpu', report());
} finally {
  rmSync(folder, { recursive: true });
}
