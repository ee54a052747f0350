/**
 * The tower as one ONNX graph in onnxruntime-node, pictures decoded and resized by sharp in one pass on libuv's
 * threads, the next batch while this one is computed: `node features-onnx.js <settings>`.
 */
import { join } from 'node:path';
import { STATISTICS } from '@wbdc/video-features';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { serve, type Service } from '../serve.js';
import { meanSize, readPictures, readSettings } from './features-settings.js';

const SIDE = 224;
const { folder, batch, threads, parameters, steps } = readSettings();
const { mean, deviation } = STATISTICS.clip;

async function prepare(pictures: readonly Uint8Array[]): Promise<Float32Array> {
  const pixels = new Float32Array(pictures.length * 3 * SIDE * SIDE);
  const size = SIDE * SIDE;
  await Promise.all(
    pictures.map(async (bytes, i) => {
      const rgb = await sharp(bytes).resize(SIDE, SIDE, { fit: 'cover', kernel: 'cubic' }).raw().toBuffer();
      for (let c = 0; c < 3; c++) {
        const [scale, shift, plane] = [1 / 255 / deviation[c], mean[c] / deviation[c], (3 * i + c) * size];
        for (let k = 0; k < size; k++) pixels[plane + k] = rgb[3 * k + c] * scale - shift;
      }
    }),
  );
  return pixels;
}

await serve(async (): Promise<Service> => {
  const session = await InferenceSession.create(join(folder, 'tower.onnx'), {
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
  });
  return {
    about: `onnxruntime-node, one graph, ${threads} threads; sharp decodes and resizes the next batch meanwhile`,
    parameters,
    step: async (index) => {
      const pictures = await readPictures(steps[index]);
      const batches = Array.from({ length: Math.ceil(pictures.length / batch) }, (_, i) =>
        pictures.slice(i * batch, (i + 1) * batch),
      );
      const features: Float32Array[] = [];
      let next = prepare(batches[0]);
      for (let i = 0; i < batches.length; i++) {
        const pixels = await next;
        if (i + 1 < batches.length) next = prepare(batches[i + 1]);
        const feeds = { pixels: new Tensor('float32', pixels, [batches[i].length, 3, SIDE, SIDE]) };
        const { pooled } = await session.run(feeds, ['pooled']);
        features.push(pooled.data as Float32Array);
      }
      return meanSize(features);
    },
  };
});
