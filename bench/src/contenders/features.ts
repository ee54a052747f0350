/** Ours, as `wbdc features` runs it: decoding on threads beside the tower: `node features.js <settings>`. */
import { join } from 'node:path';
import { CLIP_PREPROCESSING, decodeWorkers, extractFeatures, type ExtractProgress } from '@wbdc/video-features';
import { clipVision } from '@wbdc/clip-model';
import { loadClipVision } from '@wbdc/clip-model/node';
import { onnxFeatures } from '@wbdc/video-features/onnx';
import * as ort from 'onnxruntime-node';
import { loadEngine } from '../engine.js';
import { serve, type Service } from '../serve.js';
import { meanSize, readSettings } from './features-settings.js';

const { folder, batch, threads, parameters, resizer, steps } = readSettings();

await serve(async (): Promise<Service> => {
  const about = await loadEngine('ort', threads);
  const { config, params } = await loadClipVision(join(folder, 'tower'));
  const decoders = Math.max(1, threads >> 1);
  const workers = decodeWorkers({ threads: decoders });
  const { compute } = await onnxFeatures(ort, { params, config, threads });
  const options = { tower: clipVision(config), params, compute, batchSize: batch, decode: workers.decode };
  const preprocessing = { ...CLIP_PREPROCESSING, imageSize: config.imageSize, resizer };
  let last: ExtractProgress | undefined;
  const run = async (index: number): Promise<number> => {
    const videos = steps[index].map((path, i) => ({ id: String(i), path }));
    const features: Float32Array[] = [];
    const onProgress = (state: ExtractProgress): void => void (last = state);
    for await (const video of extractFeatures({ ...options, preprocessing, videos, onProgress }))
      features.push(video.features.data);
    return meanSize(features);
  };
  return {
    about:
      `${about}; ${decoders} decoding ${decoders === 1 ? 'thread' : 'threads'}, ` +
      `${resizer === 'pillow' ? "Pillow's resize to the bit" : "sharp's resize"}`,
    parameters,
    step: run,
    profile: async (index) => {
      await run(index);
      const { seconds, waited, computed } = last!;
      const row = (kernel: string, time: number) => ({ kernel, calls: 1, milliseconds: 1000 * time });
      return [
        row('the tower computes', computed),
        row('the tower waits for pictures', waited),
        row('normalising, copies, hand-over', seconds - waited - computed),
      ];
    },
  };
});
