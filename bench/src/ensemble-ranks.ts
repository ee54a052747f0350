/**
 * The SVD ensemble of rows that no machine holds: six models side by side, rows made as they are read and divided over
 * ranks. Memory of a rank, time, and how far the result is from that of one.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { SvdEnsemble } from '@wbdc/ensemble-svd';
import { load } from '@wbdc/ensemble-svd/node';
import type { EnsembleRank, EnsembleSettings } from './contenders/ensemble-rank.js';
import { runAsRanks } from './mpirun.js';
import { ROOT } from './python.js';
import { machine, saveSection } from './report.js';
import { digits } from './statistics.js';
import { formatTable } from './table.js';

const HELP = `--sizes a,b      rows x columns (1000000x1536); columns are those of six models together
--ranks a,b      numbers of processes; what others make is compared with the first (1,4)
--dimension n    what is kept (256)
--threads n      of each process (1)
--save           writes the table into bench/results.md`;

const DEFAULTS = { sizes: '1000000x1536', dimension: '256' };
const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: DEFAULTS.sizes },
    ranks: { type: 'string', default: '1,4' },
    dimension: { type: 'string', default: DEFAULTS.dimension },
    threads: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const MODELS = 6;
const CHILD = join(import.meta.dirname, 'contenders', 'ensemble-rank.js');
const [dimension, threads] = [whole('dimension', values.dimension), whole('threads', values.threads)];
const ranks = values.ranks.split(',').map((text) => whole('ranks', text));
const sizes = values.sizes.split(',').map((text) => {
  const [rows, columns, ...rest] = text.split('x').map((number) => whole('sizes', number));
  if (columns === undefined || rest.length > 0 || columns % MODELS !== 0 || columns < dimension)
    throw new RangeError(`--sizes: expected rows x columns, of these a multiple of ${MODELS}, got '${text}'`);
  return { rows, columns };
});

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new RangeError(`--${name}: expected whole numbers from 1, got '${text}'`);
}

/** Of one core, with all that is beside the products. */
const FLOPS = 2e10;
const seconds = sizes.reduce((sum, { rows, columns }) => {
  const decomposition = 3 * columns ** 3;
  return sum + ranks.length * (rows * columns * (columns + 2 * dimension) + decomposition);
}, 0);
console.log(`${machine()}\nabout ${Math.ceil(seconds / FLOPS / 60)} minutes of one core`);

const HEAD = [
  ...['rows x columns', 'ranks', 's', 'CPU s, all', 'in collectives, s', 'MB handed over'],
  ...['peak RSS of a rank', 'grown while reading', 'from the first'],
];
const lines: string[][] = [];
const folder = await mkdtemp(join(tmpdir(), 'wbdc-bench-'));
try {
  for (const { rows, columns } of sizes) {
    let reference: SvdEnsemble | undefined;
    for (const count of ranks) {
      const path = join(folder, `${count}.safetensors`);
      const settings: EnsembleSettings = { rows, models: MODELS, width: columns / MODELS, dimension, threads, path };
      const used = JSON.parse(await runAsRanks(count, CHILD, settings)) as EnsembleRank[];
      const ensemble = await load(path);
      const most = (of: keyof EnsembleRank): number => Math.max(...used.map((one) => one[of]));
      lines.push([
        `${rows} x ${columns}`,
        String(count),
        digits(most('seconds')),
        digits(used.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)),
        digits(most('collectiveSeconds')),
        digits(most('collectiveBytes') / 1e6),
        `${Math.round(most('peakRss') / 1e6)} MB`,
        `${Math.round(most('grownRss') / 1e6)} MB`,
        reference === undefined ? '' : apart(ensemble, reference).toExponential(1),
      ]);
      reference ??= ensemble;
      console.log(`${rows} x ${columns}, ${count} ranks: ${lines.at(-1)!.slice(2).join(', ')}`);
    }
  }
} finally {
  await rm(folder, { recursive: true });
}

/** Largest difference of a component, and of a singular value over the largest. */
function apart(a: SvdEnsemble, b: SvdEnsemble): number {
  const components = a.components.reduce((most, x, i) => Math.max(most, Math.abs(x - b.components[i])), 0);
  const [largest] = b.singularValues;
  return a.singularValues.reduce(
    (most, x, i) => Math.max(most, Math.abs(x - b.singularValues[i]) / largest),
    components,
  );
}

/** Other sizes have sections of their own. */
function section(): string {
  const options = (['sizes', 'dimension'] as const).filter((name) => values[name] !== DEFAULTS[name]);
  return ['ensemble-ranks', ...options.map((name) => `--${name} ${values[name]}`)].join(' ');
}

const each = threads === 1 ? '1 thread' : `${threads} threads`;
const notes = [
  `Fit and transform rows of ${MODELS} models to ${dimension}, float64, made as they are read and divided over ranks ` +
    `(Open MPI on one machine, ${each} each).`,
  '"Grown while reading": the median resident set over the last quarter of the rows less that over the second one, ' +
    'of the rank where it is largest.',
  '"From the first": the largest difference of a component, or of a singular value over the largest, from those of ' +
    'the first line of the size.',
];
const text = `${notes.join(' ')}
${machine()}

${formatTable(HEAD, lines)}`;
console.log(`\n${text}`);
if (values.save) saveSection(join(ROOT, 'bench', 'results.md'), section(), text);
