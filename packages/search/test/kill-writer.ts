// Writes to an index without end, and says on stdout what is acknowledged: `add <ids>`, `remove <ids>`.
import { openIndex, type IndexRow } from '@wbdc/search';
import { randomVectors } from './vectors.js';

const [place, run] = process.argv.slice(2);
const model = { name: 'video', hash: '0123456789abcdef', width: 8 };
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const index = await openIndex(place, { create: true, exactUpTo: 200 });
await index.addModel(model);
say('open');
for (let round = 0; ; round++) {
  const rows = randomVectors(60, 8, round).map((values, i): IndexRow => {
    const id = `${run}-${round}-${i}`;
    return { id, title: `第${i}个视频`, vectors: [{ model: 'video', hash: model.hash, values }] };
  });
  await index.add(rows, { batchSize: 20, onAdded: (ids) => say(`add ${ids.join(' ')}`) });
  const gone = rows.slice(0, 5).map(({ id }) => id);
  say(`removing ${gone.join(' ')}`);
  await index.remove(gone);
  say(`remove ${gone.join(' ')}`);
  if (round % 3 === 2) await index.compact({ keepMs: 0 });
}
