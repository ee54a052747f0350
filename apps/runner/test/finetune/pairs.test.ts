import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFeatureStore, readAnnotations, wbdcLayout, type Dataset } from '@wbdc/data';
import { buildDemo, DEMO_SPLITS } from '@wbdc/demo-data';
import { single, type Communicator, type Elements } from '@wbdc/distributed';
import { floats } from '@wbdc/nn';
import { expect, it } from 'vitest';
import { RunFolder } from '../../src/run/run-folder.js';
import { readPairs } from '../../src/stages/finetune/pairs.js';
import { stageContext } from '../stage-context.js';

/** So many ranks in this process: what each calls first waits for what all others call first, and so on. */
function ranksHere(size: number): Communicator[] {
  const parts = Array.from({ length: size }, (): Elements[] => []);
  const waiting: (() => void)[] = [];
  return parts.map((own, rank) => ({
    ...{ ...single, rank, size },
    allGatherParts: async <T extends Elements>(part: T): Promise<T[]> => {
      const call = own.push(part) - 1;
      while (parts.some(({ length }) => length <= call)) await new Promise<void>((resolve) => waiting.push(resolve));
      waiting.splice(0).forEach((go) => go());
      return parts.map((of) => of[call] as T);
    },
  }));
}

it('of several ranks one builds the pairs of the embedded data, and all read them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-pairs-'));
  try {
    const run = new RunFolder(join(folder, 'run'), 'run');
    await buildDemo({ folder: run.folderOf('data'), seed: 5, items: 90, imageSize: 16, minTagItems: 2 });
    await mkdir(run.folderOf('features'), { recursive: true });
    const known = new Set<string>();
    for (const split of DEMO_SPLITS) {
      const store = await createFeatureStore(join(run.folderOf('features'), `${split}.zip`), { width: 2 });
      for await (const { id } of readAnnotations(wbdcLayout(run.folderOf('data')).annotations(split))) {
        known.add(id);
        await store.add(id, floats([1, 2], Float32Array.of(1, 2)));
      }
      await store.finish();
    }
    const ids = [...known];
    const dataset = { size: ids.length, id: (i: number) => ids[i] } as Dataset;
    const pairs = await Promise.all(
      ranksHere(3).map(async (communicator) => {
        const context = await stageContext({ folder, run, stage: 'finetune', set: [] }, { ranks: { communicator } });
        return readPairs(context, dataset, dataset);
      }),
    );
    expect(pairs[0].train.length).toBeGreaterThan(10);
    expect(pairs[0].heldOut!.length).toBeGreaterThan(10);
    expect(pairs.slice(1)).toEqual([pairs[0], pairs[0]]);
    expect(await readdir(run.folderOf('finetune'))).toEqual(['aiac']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
