/** A trained model of base size as its users open it: `node inference.js <settings> <dtype>`. */
import { readFileSync } from 'node:fs';
import { openTrained, type OnnxOptions } from '@wbdc/pipeline';
import * as ort from 'onnxruntime-node';
import { loadEngine } from '../engine.js';
import { serve, type Service } from '../serve.js';

/** What a step does: the head on stored features, the tower on frames, or both on zips. */
export type Work = 'embed' | 'features' | 'predict';

export interface InferenceSettings {
  readonly work: Work;
  readonly model: string;
  readonly calibrated: string;
  readonly tower: string;
  readonly threads: number;
  /** Zips of the videos of each step. */
  readonly steps: readonly (readonly string[])[];
  readonly titles: readonly string[];
  /** Frames and values of stored features. */
  readonly shape: readonly [number, number];
}

const { work, threads, steps, titles, shape, ...paths } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
) as InferenceSettings;
const asked = process.argv[3] as 'engine' | 'int8 calibrated' | NonNullable<OnnxOptions['dtype']>;

await serve(async (): Promise<Service> => {
  const about = await loadEngine('ort', threads);
  const dtype = asked === 'int8 calibrated' ? 'int8' : asked;
  const onnx = dtype === 'engine' ? undefined : { runtime: ort, threads, dtype };
  const from = asked === 'int8 calibrated' ? paths.calibrated : paths.model;
  const model = await openTrained(from, { tower: paths.tower, onnx });
  const [frames, width] = shape;
  const features = titles.map((_, i) =>
    Array.from({ length: frames }, (_row, f) =>
      Float32Array.from({ length: width }, (_value, k) => Math.sin(7 * i + 3 * f + k * k)),
    ),
  );
  const step = async (index: number): Promise<number> => {
    const videos = steps[index].map((video, i) => ({ id: String(i), video, title: titles[i] }));
    if (work === 'features') return (await model.features(videos))[0].features.data[0];
    const inputs =
      work === 'predict' ? videos : titles.map((title, i) => ({ id: String(i), title, features: features[i] }));
    const [{ categories }] = await model.classify(inputs);
    return categories[0].probability;
  };
  const how = onnx ? `one graph, ${asked}` : "kernel by kernel, tfjs's engine";
  return { about: `${about}; ${how}`, step };
});
