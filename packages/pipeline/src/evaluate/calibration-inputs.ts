import { dirname } from 'node:path';
import { readDistinctVideos, wbdcLayout } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import { foldIn, randomKey, randomSubset } from '@wbdc/nn';
import type { TrainedInput } from '../trained/inputs.js';
import { CALIBRATION_SAMPLES } from '../trained/node/calibrate.js';
import { openFeatures } from './evaluate.js';
import { dataOf, firstThere, splitPaths, type RunData } from './run-of.js';

/** Which videos calibrate a model. */
export interface CalibrationInputsOptions {
  /** The model: a run, a stage or a checkpoint in one, whose record names the data. */
  readonly model: string;
  /** A split of them, such as `labeled`. */
  readonly split: string;
  /** The folder of one's own data set, in the layout that `prepare` makes. */
  readonly data?: string | undefined;
  /** How many videos, drawn by the seed. Default 128. */
  readonly samples?: number | undefined;
  readonly seed?: number | undefined;
}

/** Of so many videos the frames are read, for the tower; of the others the stored features do. */
const WITH_FRAMES = 16;

/**
 * Videos of a split with their texts and stored features, the first of them with their frames: for `exportTrained`.
 *
 * @throws WbdcError `calibration-split` where nobody knows of such a split, or neither features nor frames are there
 */
export async function* calibrationInputs({
  model,
  split,
  data,
  samples = CALIBRATION_SAMPLES,
  seed = 0,
}: CalibrationInputsOptions): AsyncGenerator<TrainedInput> {
  const found = await dataAround(model, data);
  const paths = splitPaths(found, split).annotations;
  const annotations = await firstThere(paths);
  if (annotations === undefined) {
    const expected = `the annotations of a split called ${split}`;
    const got = paths.length === 0 ? 'no record of its data' : `none at ${paths.join(', ')}`;
    const advice = 'name another split, or the folder of the data';
    throw new WbdcError({ where: model, expected, got, advice, code: 'calibration-split' });
  }
  const videos = () => readDistinctVideos(annotations, { onBad: () => undefined });
  let count = 0;
  for await (const { id } of videos()) count += Number(id !== '');
  const chosen = new Set(randomSubset(foldIn(randomKey(seed), 'calibration'), count, samples));
  const layout = wbdcLayout(dirname(dirname(annotations)), found.frames);
  const features = await openFeatures(found, split);
  try {
    let [place, framed, given] = [0, 0, 0];
    for await (const { id, title, ocr, asr } of videos()) {
      if (!chosen.has(place++)) continue;
      const stored = features?.has(id) ?? false;
      const frames = layout.frameZip(split, id);
      const whole = (framed < WITH_FRAMES || !stored) && (await firstThere([frames])) !== undefined;
      if (whole) {
        framed++;
        yield { id, title, ocr, asr, video: frames };
      } else if (stored) yield { id, title, ocr, asr, features: await features!.read(id) };
      else continue;
      given++;
    }
    if (given > 0) return;
  } finally {
    await features?.close();
  }
  const expected = `features or frames of the ${count} videos of ${split}`;
  throw new WbdcError({ where: annotations, expected, got: 'none', code: 'calibration-split' });
}

/** What the nearest record above a checkpoint says. */
async function dataAround(model: string, data: string | undefined): Promise<RunData> {
  let found = await dataOf(model, data);
  for (let folder = dirname(model), i = 0; found.features.length === 0 && i < 3; i++, folder = dirname(folder)) {
    found = await dataOf(folder, data);
  }
  return found;
}
