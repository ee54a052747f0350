import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

/** What every bench understands. */
export interface Options {
  /** Threads of every contender. */
  readonly threads: number;
  /** Measured rounds: each contender does each round's work once, in turn. */
  readonly rounds: number;
  /** For all that is compared: rounds that do not fit are left out. Without a limit where rounds are asked for. */
  readonly minutes: number | undefined;
  /** Small sizes, for a first look; its numbers say nothing about the real ones. */
  readonly small: boolean;
  /** The published sizes of the QQ model instead of BERT-base's, where the bench has them. */
  readonly large: boolean;
  /** Ours compute their layers once more in the backward pass, in less memory. */
  readonly recompute: boolean;
  /** Names of the contenders to run; all where empty. The reference always runs. */
  readonly only: readonly string[];
  /** Contenders alive at the same time; by default as many as fit into the free memory. */
  readonly together: number | undefined;
  readonly json: boolean;
  readonly save: boolean;
  /** Sizes that differ from the preset's: `layers`, `width`, `batch`. */
  readonly sizes: Readonly<Partial<Record<'layers' | 'width' | 'batch', number>>>;
}

const HELP = `--threads n      threads of every contender (all processors)
--steps n        measured steps of every contender
--minutes n      at most about so long: fewer steps where they do not fit (5; no limit with --steps)
--small          small sizes, for a first look
--large          train, embed: the QQ model, 24 x 1024, 8 videos of 36 tokens and 32 frames
--recompute      train: ours compute their layers once more in the backward pass, in less memory
--layers n, --width n, --batch n   other sizes than the preset's
--only a,b       these contenders beside the reference
--together n     contenders alive at the same time (as many as fit into memory)
--json           the result as JSON
--save           write the tables into bench/results.md
WBDC_PYTHON names the Python with PyTorch; else .venv/bin/python, else python3`;

/** Reads the command line; `--help` prints and ends. */
export function readOptions(rounds: number): Options {
  const number = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    options: {
      threads: number,
      steps: number,
      minutes: number,
      together: number,
      layers: number,
      width: number,
      batch: number,
      only: { type: 'string', default: '' },
      small: flag,
      large: flag,
      recompute: flag,
      json: flag,
      save: flag,
      help: flag,
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const sizes = (['layers', 'width', 'batch'] as const).flatMap((name) => {
    const value = count(name, values[name]);
    return value === undefined ? [] : [[name, value]];
  });
  return {
    threads: count('threads', values.threads) ?? availableParallelism(),
    rounds: count('steps', values.steps) ?? rounds,
    minutes: count('minutes', values.minutes) ?? (values.steps === undefined ? 5 : undefined),
    small: values.small,
    large: values.large,
    recompute: values.recompute,
    only: values.only.split(',').filter(Boolean),
    together: count('together', values.together),
    json: values.json,
    save: values.save,
    sizes: Object.fromEntries(sizes),
  };
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new RangeError(`--${name}: expected a whole number from 1, got '${text}'`);
}
