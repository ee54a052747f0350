// What somebody writes who has the packages alone: type checked under nodenext and under bundler resolution, then run.
import { strictEqual } from 'node:assert';
import * as tf from '@tensorflow/tfjs';
import { openTrained, type Classified } from '@wbdc/pipeline';
import { WBDC_BASE, uniModel } from '@wbdc/uni-model';

await tf.setBackend('cpu');
const video = { video: 'models/video.zip', title: '包裹', ocr: '包裹寄包裹' };

await using model = await openTrained('models/category', { tower: 'models/clip' });
const rows: Classified[] = [];
for await (const { id, categories } of model.classify([video, { ...video, id: 'again' }]))
  rows.push({ id, categories });
const [first, second] = rows;
strictEqual(first.id, 'video');
strictEqual(second.id, 'again');
strictEqual(first.categories[0].category, '0505');
strictEqual(first.categories[0].name, '旅遊地點 / 陆运');
strictEqual(first.categories[0].probability.toPrecision(4), '0.01091');

await using embedder = await openTrained('models/similarity', { tower: 'models/clip' });
const [{ embedding }] = await embedder.embed([video]);
strictEqual(Math.hypot(...embedding).toFixed(5), '1.00000');

await using tagger = await openTrained('models/pretrained', { tower: 'models/clip' });
const [{ tags }] = await tagger.tag([video], { top: 3 });
strictEqual(tags.length, 3);

strictEqual(uniModel(WBDC_BASE).hiddenSize, 768);
console.log(first.categories[0]);
