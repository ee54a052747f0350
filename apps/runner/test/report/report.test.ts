import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chart, smooth, thin } from '../../src/report/chart.js';
import { parseHistory } from '../../src/report/history.js';
import { renderReport } from '../../src/report/report.js';
import { writeReport } from '../../src/report/write.js';
import type { StageRecord } from '../../src/run-folder.js';

const record: StageRecord = {
  stage: 'pretrain',
  status: 'complete',
  fingerprint: 'f',
  settings: { seed: 3, note: '<script>alert(1)</script>' },
  upstream: {},
  created: '2026-01-02T03:04:05.000Z',
  seconds: 125,
  summary: {},
  environment: { engine: 'ort (2 threads)' },
};

const step = (n: number) => ({
  type: 'step',
  step: n,
  loss: 7 / n,
  learningRate: n * 1e-4,
  gradNorm: 1,
  metrics: { 'mlm/loss': 5 / n, 'mfm/loss': 2 / n, 'mlm/accuracy': n / 50 },
  seconds: 0.5,
  videosPerSecond: 211,
});
const evaluation = {
  type: 'evaluation',
  step: 20,
  metrics: { 'mlm/loss': 0.3, 'mlm/accuracy': 0.42, 'mlm/accuracy baseline': 0.07 },
  seconds: 1,
};
const lines = [...Array.from({ length: 20 }, (_, i) => step(i + 1)), evaluation].map((line) => JSON.stringify(line));

describe('parseHistory', () => {
  it('reads steps and measurements, and skips a torn last line', () => {
    const history = parseHistory(`${lines.join('\n')}\n{"type":"step","st`);
    expect(history.training).toHaveLength(20);
    expect(history.measurements).toEqual([
      { step: 20, values: { 'mlm/loss': { value: 0.3 }, 'mlm/accuracy': { value: 0.42, baseline: 0.07 } } },
    ]);
  });
});

describe('renderReport', () => {
  const html = renderReport(parseHistory(lines.join('\n')), { run: 'demo', record });

  it('shows every curve as an SVG of its own', () => {
    const titles = [...html.matchAll(/<figcaption><span>([^<]*)<\/span>/g)].map((match) => match[1]);
    expect(titles).toEqual([
      'total',
      'mlm',
      'mfm',
      'mlm accuracy',
      'mlm accuracy',
      'gradient norm',
      'learning rate',
      'videos/s',
    ]);
    expect(html.match(/<svg /g)).toHaveLength(titles.length);
  });

  it('puts results beside their baselines', () => {
    expect(html).toContain('<tr><th>mlm accuracy</th><td>0.420</td><td>0.0700</td><td>6.00 x</td></tr>');
  });

  it('stands alone: no script, nothing from elsewhere, text escaped', () => {
    expect(html).not.toMatch(/<script|<link|src=|@import|https?:\/\/(?!www\.w3\.org)/);
    expect(html).toContain('&#60;script&#62;alert');
  });

  it('follows light and dark', () => {
    expect(html).toContain('prefers-color-scheme: dark');
    expect(html).toContain('stroke="var(--main)"');
  });

  it('is a page also before the first step', () => {
    expect(renderReport({ training: [], measurements: [] }, { run: 'demo', record })).toContain('demo / pretrain');
  });
});

describe('writeReport', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-report-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('makes the page again from the files', async () => {
    await writeFile(join(folder, 'metrics.jsonl'), lines.join('\n'));
    const path = await writeReport({ folder, run: 'demo', record });
    expect(path).toBe(join(folder, 'report.html'));
    expect(await readFile(path!, 'utf8')).toContain('<title>demo / pretrain</title>');
  });

  it('makes none where nothing was measured', async () => {
    expect(await writeReport({ folder, run: 'demo', record })).toBeUndefined();
  });
});

describe('curves', () => {
  it('thins to the ends and evenly between', () => {
    expect(thin([0, 1, 2, 3, 4, 5, 6, 7, 8], 5)).toEqual([0, 2, 4, 6, 8]);
    expect(thin([1, 2], 5)).toEqual([1, 2]);
  });

  it('smooths by the mean around each point, without NaN', () => {
    const values = [1, 3, NaN, 7].map((value, step) => ({ step, value }));
    expect(smooth(values, 3).map(({ value }) => value)).toEqual([2, 2, 5, 7]);
  });

  it('leaves NaN out of a chart', () => {
    const points = [1, NaN, 3].map((value, step) => ({ step, value }));
    expect(chart({ curves: [{ label: 'x', points, style: 'main' }] })).not.toContain('NaN');
  });
});
