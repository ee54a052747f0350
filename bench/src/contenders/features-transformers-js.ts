/**
 * transformers.js: its pictures, its processor and its session of the tower's graph, batch after batch:
 * `node features-transformers-js.js <settings>`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { STATISTICS } from '@wbdc/video-features';
import { serve, type Service } from '../serve.js';
import { loadTransformersJs, onThreads, writeModel } from '../transformers-js.js';
import { meanSize, readPictures, readSettings } from './features-settings.js';

const { folder, batch, threads, parameters, steps } = readSettings();
const SIDE = 224;
/** As openai/clip-vit-base-patch32 has it. */
const PROCESSOR = {
  image_processor_type: 'CLIPImageProcessor',
  ...{ do_resize: true, size: { shortest_edge: SIDE }, resample: 3 },
  ...{ do_center_crop: true, crop_size: { height: SIDE, width: SIDE } },
  ...{ do_normalize: true, image_mean: STATISTICS.clip.mean, image_std: STATISTICS.clip.deviation },
};

await serve(async (): Promise<Service> => {
  const { env, AutoImageProcessor, AutoModel, RawImage } = await loadTransformersJs(folder);
  const name = await writeModel(folder, await readFile(join(folder, 'tower.onnx')));
  await writeFile(join(folder, name, 'preprocessor_config.json'), JSON.stringify(PROCESSOR));
  const [process, model] = await Promise.all([
    AutoImageProcessor.from_pretrained(name),
    AutoModel.from_pretrained(name, onThreads(threads)),
  ]);
  return {
    about: `transformers.js ${env.version}, its image processor and its session of the same graph, ${threads} threads`,
    parameters,
    step: async (index) => {
      const pictures = await readPictures(steps[index]);
      const features: Float32Array[] = [];
      for (let start = 0; start < pictures.length; start += batch) {
        const images = pictures
          .slice(start, start + batch)
          .map((bytes) => RawImage.fromBlob(new Blob([new Uint8Array(bytes)])));
        const { pixel_values: pixels } = await process(await Promise.all(images));
        features.push((await model({ pixels }))['pooled'].data);
      }
      return meanSize(features);
    },
  };
});
