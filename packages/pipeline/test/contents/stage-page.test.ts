import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeReport, type ReportedStage } from '@wbdc/pipeline/stage-page';

const record: ReportedStage = {
  stage: 'pretrain',
  status: 'complete',
  settings: { seed: 3, note: '<script>alert(1)</script>' },
  created: '2026-01-02T03:04:05.000Z',
  seconds: 125,
  environment: { engine: 'ort (2 threads)' },
};

const step = { type: 'step', step: 1, loss: 7, learningRate: 1e-4, gradNorm: 1, metrics: {}, seconds: 0.5 };

describe('writeReport', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-report-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('makes the page again from the files', async () => {
    await writeFile(join(folder, 'metrics.jsonl'), JSON.stringify(step));
    const path = await writeReport({ folder, run: 'demo', record });
    expect(path).toBe(join(folder, 'report.html'));
    const html = await readFile(path!, 'utf8');
    expect(html).toContain('<title>demo / pretrain</title>');
    for (const text of ['2026-01-02 03:04 UTC', '2 min 05 s', 'ort (2 threads)', '&#60;script&#62;alert'])
      expect(html).toContain(text);
  });

  it('makes none where nothing was measured', async () => {
    expect(await writeReport({ folder, run: 'demo', record })).toBeUndefined();
  });
});
