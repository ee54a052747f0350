/** How long a command takes from nothing, and how many modules it loads: `--help`, and `predict` of one video. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { digits, median } from './statistics.js';
import { formatTable } from './table.js';

const { values } = parseArgs({
  options: { times: { type: 'string', default: '7' }, run: { type: 'string', default: 'runs/demo' } },
});
const times = Number(values.times);
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const WBDC = at('../../apps/runner/bin/wbdc.js');
const COUNT = ['--import', at('../../tools/count-modules/register.mjs')];

/** Seconds of the six commands together on two cores that nobody else uses. */
const ONCE = 3;
console.log(`about ${Math.ceil((times + 1) * ONCE)} s on two idle cores; each line is printed when it is measured`);
const folder = mkdtempSync(join(tmpdir(), 'wbdc-bench-'));
try {
  const rows = [
    measure('node -e 0', ['-e', '0']),
    measure('wbdc --help', [WBDC, '--help']),
    measure('wbdc predict --help', [WBDC, 'predict', '--help']),
    measure('wbdc pretrain --help', [WBDC, 'pretrain', '--help']),
  ];
  const video = heldOutVideo(join(values.run, 'data/zip_frames/test_a'));
  const model = join(values.run, 'finetune');
  if (video === undefined || !existsSync(model)) {
    console.log(`predict: ${values.run} holds no data and finetuned model: npx nx run runner:pretrain makes runs/demo`);
  } else {
    for (const engine of ['cpu', 'ort']) {
      const command = [WBDC, 'predict', video, '--checkpoint', model, '--engine', engine, '--title', '一只黑猫'];
      rows.push(measure(`wbdc predict, one video, ${engine}`, command));
    }
  }
  console.log(`\n${formatTable(['command', 'median', 'fastest', 'modules'], rows)}`);
} finally {
  rmSync(folder, { recursive: true });
}

function measure(name: string, args: readonly string[]): string[] {
  const seconds = Array.from({ length: times }, () => {
    const start = performance.now();
    execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return (performance.now() - start) / 1000;
  });
  const list = join(folder, `${name}.txt`);
  execFileSync(process.execPath, [...COUNT, ...args], {
    env: { ...process.env, WBDC_MODULES: list },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const modules = existsSync(list) ? readFileSync(list, 'utf8').trim().split('\n').length : 0;
  const row = [name, ...[median(seconds), Math.min(...seconds)].map((value) => `${digits(value)} s`), String(modules)];
  console.log(row.join('  '));
  return row;
}

/** The first of a split, below folders of their own. */
function heldOutVideo(root: string): string | undefined {
  if (!existsSync(root)) return undefined;
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.zip'));
  return found === undefined ? undefined : join(root, found);
}
