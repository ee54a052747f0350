import { expect, it } from 'vitest';
import { openIndex } from '@wbdc/search';
import { startS3 } from './s3-store.js';

const MODEL = { name: 'video', hash: '0123456789abcdef', width: 3 };
const vector = (...values: number[]) => ({ model: 'video', hash: MODEL.hash, values });

it('keeps an index in an object store: it is added to, searched, compacted and opened again', async () => {
  await using store = await startS3('videos');
  const { storage } = store;
  const place = 's3://videos/my-index';
  await expect(openIndex(place, { storage })).rejects.toMatchObject({ code: 'index-missing', where: place });
  {
    await using index = await openIndex(place, { create: true, storage });
    await index.addModel(MODEL);
    await index.add([
      { id: 'cat', title: '雨中的猫', vectors: [vector(1, 0, 0)] },
      { id: 'dog', title: '晴天的狗', vectors: [vector(0, 1, 0)] },
    ]);
    await index.add([{ id: 'cat', tags: ['猫'] }]);
    expect(await index.remove(['dog'])).toBe(1);
    await index.compact({ keepMs: 0 });
    expect(await index.stats()).toMatchObject({ where: place, videos: 1, bytes: undefined });
  }
  store.listed = false; // whoever may read alone
  await using again = await openIndex(place, { storage });
  const [hit] = await again.search({ words: '猫', vectors: [vector(1, 0.1, 0)], filter: { tags: ['猫'] } });
  expect(hit.video).toMatchObject({ id: 'cat', title: '雨中的猫', tags: ['猫'] });
  expect([...store.objects.keys()].every((key) => key.startsWith('my-index/'))).toBe(true);
});

it('says what an object store answers', async () => {
  await using store = await startS3('videos');
  const { storage } = store;
  await expect(openIndex('s3://elsewhere/x', { create: true, storage })).rejects.toMatchObject({
    code: 'index-damaged',
    where: 's3://elsewhere/x',
    message: expect.stringContaining('404') as string,
  });
});
