import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { openIndex } from '@wbdc/search';
import type { Reader, Sample } from '../reader.js';

const HASH = '0123456789abcdef';

async function made(folder: string): Promise<Sample[]> {
  const root = join(folder, 'made');
  const index = await openIndex(root, { create: true });
  await index.addModel({ name: 'video', hash: HASH, width: 3 });
  await index.add([
    { id: 'cat', title: '雨中的猫', tags: ['猫'], vectors: [{ model: 'video', hash: HASH, values: [1, 0.2, 0] }] },
    { id: 'dog', title: '晴天的狗', tags: ['狗'], vectors: [{ model: 'video', hash: HASH, values: [0.6, 0.8, 0] }] },
  ]);
  await index.close();
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ parentPath, name }) => {
    const path = join(parentPath, name);
    return { name: join('made', relative(root, path)), bytes: readFileSync(path) };
  });
}

export const SEARCH: readonly Reader[] = [
  {
    name: 'search: openIndex',
    corpus: made,
    read: async ({ folder }) => {
      const index = await openIndex(join(folder, 'made'));
      try {
        await index.get(['cat', 'dog']);
        await index.search({ words: '猫', vectors: [{ model: 'video', hash: HASH, values: [1, 0, 0] }] });
        await index.facets();
      } finally {
        await index.close();
      }
    },
  },
];
