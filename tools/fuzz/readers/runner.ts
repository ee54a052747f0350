import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { loadConfig } from '../../../apps/runner/src/config/load.js';
import { UserError } from '../../../apps/runner/src/core/errors.js';
import { assertSameSettings, RunFolder, type StagePlan } from '../../../apps/runner/src/run/run-folder.js';
import type { Reader, Sample } from '../reader.js';
import { text } from './common.js';

const errors = [UserError, WbdcError];

const PLAN: StagePlan = { stage: 'data', settings: { seed: 1, data: { size: 3 } }, needs: [] };

async function stageRecord(folder: string): Promise<Sample[]> {
  const run = new RunFolder(join(folder, 'made'), 'a');
  const summary = { videos: 3, measured: { loss: 1 } };
  await run.close(await run.open(PLAN, {}), { status: 'complete', seconds: 2, summary, environment: { node: '20' } });
  return [{ name: 'data/stage.json', bytes: readFileSync(join(run.folderOf('data'), 'stage.json')) }];
}

/** What the command line reads by itself. */
export const RUNNER: readonly Reader[] = [
  {
    name: 'runner: loadConfig',
    covers: ['pipeline: readSettings'],
    corpus: () => [
      text('a.yaml', 'run:\n  name: a # comment\nmodel: &m\n  width: 768\n  layers: 1\ntasks:\n  mfm: null\nseed: 3\n'),
      text('b.yaml', 'extends: c.yaml\ndata: { folder: x, trainSplits: [labeled] }\n'),
      text('c.yaml', 'seed: 1\n'),
    ],
    tokens: ['extends: a.yaml', '&a [*a,*a]', '<<: *m', '? [a]\n: b', '!!binary x', '---\n', 'model:', '- ', '{a: '],
    errors,
    read: ({ path, folder }) => loadConfig({ path, folder }),
  },
  {
    name: 'runner: RunFolder.open',
    corpus: stageRecord,
    errors,
    read: ({ folder }) => new RunFolder(folder, 'a').open(PLAN, { resume: true }),
  },
  {
    name: 'runner: RunFolder.needed',
    corpus: stageRecord,
    errors,
    read: async ({ folder }) => {
      const needed = await new RunFolder(folder, 'a').needed({ stage: 'vocab', needs: ['data'] });
      assertSameSettings(needed.get('data')!, PLAN.settings);
    },
  },
];
