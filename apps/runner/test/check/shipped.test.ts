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

/**
 * Found by this test and not yet solved: at this size the tags' mean through a hidden layer draws all states together,
 * and masked words and frames are learned no further than how often each occurs.
 */
const DRAWN_TOGETHER = ['aiac2021/job2.yaml', 'aiac2021/job3.yaml'];

describe('wbdc check on every configuration that comes with the runner, at a small size', () => {
  it.each(files)('%s', { timeout: 600_000 }, async (path) => {
    const config = await loadConfig({ path, folder });
    const problems: string[] = [];
    for (const job of jobsOf(config)) {
      const items: CheckItem[] = [];
      for await (const item of check({ ...checkRequest(job, config), small: true })) items.push(item);
      expect(items.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['parameters', 'start', 'gradients', 'overfit']),
      );
      problems.push(
        ...items.flatMap(({ name, status, about }) => (status === 'failed' ? `${job}: ${name}: ${about}` : [])),
      );
    }
    const known = DRAWN_TOGETHER.includes(path) ? [expect.stringMatching(/^pretrain: overfit: [^]*HARDLY FALLS/)] : [];
    expect(problems).toEqual(known);
  });
});
