/** What a page may do with the packages: tools/test/bundlers.test.ts bundles it and compares what it says with Node. */
import * as tf from '@tensorflow/tfjs';
import { batchesOfEpoch, cleanText, collate } from '@wbdc/data/web';
import { fit } from '@wbdc/ensemble-svd';
import { rankNormalize } from '@wbdc/finetune';
import { TINY as TINY_DOUBLE, lxmertModel } from '@wbdc/lxmert-model';
import { floats, meanPool, randomKey } from '@wbdc/nn';
import { finetuneInMemory, openTrained } from '@wbdc/pipeline';
import { mlm } from '@wbdc/pretrain-tasks';
import { findBackend } from './bundled-engine.js';
import { packText, Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import { warmupCosine } from '@wbdc/train';
import { TINY, uniModel } from '@wbdc/uni-model';
import { CLIP_PREPROCESSING, cropExactly } from '@wbdc/video-features/plain';
import { videoFrames } from '@wbdc/video-features/web';

const LAYOUT = { fields: ['title'], budget: 12, separatorFirst: false };

/** @returns numbers by what gave them */
export async function run(files, videos) {
  await tf.setBackend('cpu');
  const losses = [];
  const finetuned = await finetuneInMemory(files, videos, { steps: 2, onStep: ({ loss }) => losses.push(loss) });
  const model = await openTrained(finetuned.files);
  const [{ categories }] = await model.classify(videos.slice(0, 1));
  await model.close();

  const tokenizer = Tokenizer.fromVocab(trainVocabulary(['一只黑猫', '一只白狗'], { size: 60, minFrequency: 1 }));
  const frames = floats(
    [2, 8],
    Float32Array.from({ length: 16 }, (_, i) => Math.sin(i)),
  );
  const batch = collate([{ id: 'cat', ...packText(tokenizer, { title: '一只黑猫' }, LAYOUT), frames }]);
  const sizes = { vocabSize: tokenizer.vocabSize, frameSize: 8 };
  const encoders = [lxmertModel({ ...TINY_DOUBLE, ...sizes }), uniModel({ ...TINY, ...sizes })];
  const states = encoders.map((encoder) => {
    const { text } = encoder.encode(encoder.init(randomKey(1)), batch, {});
    return Array.from(meanPool(text, batch.textMask).dataSync());
  });
  const masked = mlm({ mask: 4, special: [0, 1, 2, 3, 4], vocabSize: tokenizer.vocabSize, probability: 0.9 });
  const corrupted = await masked.corrupt(batch, randomKey(2));
  const ids = ['a', 'b', 'c'];
  const joined = await fit(
    [{ name: 'one', ids, width: 3, values: Float32Array.of(1, 0, 0.1, 0.9, 0.2, 0, 0.4, 0.9, 0) }],
    {
      dimension: 2,
    },
  );
  const picture = { data: Uint8Array.from({ length: 192 }, (_, i) => i), width: 8, height: 8 };
  const crop = cropExactly(picture, { ...CLIP_PREPROCESSING, imageSize: 4 });
  return {
    losses,
    probabilities: categories.map(({ probability }) => probability),
    lxmert: states[0],
    uni: states[1],
    tokens: Array.from(corrupted.batch.tokens.data),
    singular: Array.from(joined.singularValues ?? []),
    pixels: Array.from(crop.data),
    ranks: Array.from(rankNormalize([3, 1, 2])),
    rate: [warmupCosine(3, 10, 2)],
    order: batchesOfEpoch({ lengths: [5, 3, 8, 2], batchSize: 2, seed: 1, epoch: 0 }).flat(),
    cleaned: [...cleanText('一只  黑猫 http://example.com')].map((letter) => letter.codePointAt(0)),
    web: [typeof videoFrames, typeof findBackend].map((kind) => Number(kind === 'function')),
  };
}
