import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check, type CheckItem } from '@wbdc/pipeline/check';
import type { CheckJob } from '@wbdc/pipeline/settings';
import { beforeAll, describe, expect, it } from 'vitest';
import { useEngine } from '../../../../tools/testing.js';
import { checkRequest } from '../../src/commands/check.js';
import { loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';

const folder = fileURLToPath(new URL('../../configs', import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));

beforeAll(() => useEngine('ort'));

/** Those that a configuration's stages are: features of a published tower need no CLIP stage, records no tower. */
function jobsOf({ data, features }: Config): CheckJob[] {
  return [...(data.layout === 'wbdc' && features.tower === null ? (['clip'] as const) : []), 'pretrain', 'finetune'];
}

/** What a job's check depends on: those of configurations that differ in data and length alone are the same. */
function checkedBy(job: CheckJob, { model, text, frames, features, clip, tasks, views, train, finetune }: Config) {
  if (job === 'clip') return { clip };
  const { reduction, rules, learningRate } = train;
  const training = { reduction, rules, learningRate };
  const shared = { model, text, frames };
  return job === 'pretrain' ? { ...shared, tasks, views, training } : { ...shared, features, clip, finetune };
}

const checked = new Map<string, Promise<CheckItem[]>>();

function itemsOf(job: CheckJob, config: Config): Promise<CheckItem[]> {
  const key = job + JSON.stringify(checkedBy(job, config));
  const run = async (): Promise<CheckItem[]> => {
    const items: CheckItem[] = [];
    for await (const item of check({ ...checkRequest(job, config), small: true })) items.push(item);
    return items;
  };
  const known = checked.get(key) ?? run();
  checked.set(key, known);
  return known;
}

describe('wbdc check on every configuration that comes with the runner, at a small size', () => {
  it.each(files)('%s', { timeout: 1_200_000 }, async (path) => {
    const config = await loadConfig({ path, folder });
    const problems: string[] = [];
    for (const job of jobsOf(config)) {
      const items = await itemsOf(job, config);
      const names = items.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['parameters', 'start', 'gradients', 'overfit']));
      const failed = items.filter(({ status }) => status === 'failed');
      problems.push(...failed.map(({ name, about }) => `${job}: ${name}: ${about}`));
    }
    expect(problems).toEqual([]);
  });
});
