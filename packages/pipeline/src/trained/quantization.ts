import type { OnnxRanges } from '@wbdc/checkpoints/onnx';
import { z } from 'zod';
import { TrainedError } from './errors.js';
import { pathOf, type ModelFiles } from './model-files.js';
import { parseJson } from './read-model.js';

/** The name of the file that says how a model and its tower were calibrated, beside their weights. */
export const QUANTIZATION_FILE = 'quantization.json';

/** From where to where values go in a model and its vision tower, on videos of one's own. */
export interface Quantization {
  readonly version: 1;
  readonly method: string;
  /** How many videos were looked at. */
  readonly videos: number;
  /** And how many pictures. */
  readonly pictures: number;
  readonly seed: number;
  readonly model: OnnxRanges;
  /** Where frames were among them. */
  readonly tower?: OnnxRanges | undefined;
}

const ranges = z.record(z.string(), z.object({ min: z.number(), max: z.number() }));
const count = z.int().min(0);
const schema = z.object({
  version: z.literal(1),
  method: z.string(),
  videos: count,
  pictures: count,
  seed: count,
  model: ranges,
  tower: ranges.optional(),
});

/** How a model was calibrated, where it was. @throws TrainedError `model-files` where the file is none */
export async function readQuantization(files: ModelFiles): Promise<Quantization | undefined> {
  const text = await files.readText(QUANTIZATION_FILE);
  if (text === undefined) return undefined;
  const where = pathOf(files, QUANTIZATION_FILE);
  const parsed = schema.safeParse(parseJson(text, where));
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  const got = `something else (${path.join('.').slice(0, 80)}: ${message.slice(0, 120)})`;
  throw new TrainedError({ where, expected: 'ranges of values', got, code: 'model-files' });
}
