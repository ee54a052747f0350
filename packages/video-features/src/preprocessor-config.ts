import { WbdcError } from '@wbdc/io/errors';
import { CLIP_PREPROCESSING, STATISTICS, type Preprocessing } from './pixels.js';

/** Pillow's numbers of filters. */
const FILTERS: Readonly<Record<number, Preprocessing['filter']>> = { 2: 'bilinear', 3: 'bicubic' };

/**
 * How a published CLIP wants its pictures, from its `preprocessor_config.json`. Some cut the centred square out, as
 * OpenAI's; some make the whole picture a square, as Chinese-CLIP's. What the file leaves out is as in transformers.
 *
 * @param imageSize S of the vision tower
 * @throws WbdcError where pictures would come out in another size, or in a way that is not known here
 */
export function parsePreprocessing(
  json: unknown,
  imageSize: number,
  where = 'preprocessor_config.json',
): Preprocessing {
  const fields = recordOf(json, where);
  const fail = (name: string, expected: string): never => {
    const got = JSON.stringify(fields[name])?.slice(0, 80) ?? 'nothing';
    throw new WbdcError({ where: `${where}: ${name}`, expected, got, code: 'preprocessing' });
  };
  for (const name of ['do_resize', 'do_normalize', 'do_rescale']) {
    if ((fields[name] ?? true) !== true) fail(name, 'true');
  }
  const filter = FILTERS[Number(fields['resample'] ?? 3)] ?? fail('resample', '2 (bilinear) or 3 (bicubic)');
  const statistics =
    statisticsOf(fields) ?? fail('image_mean', "CLIP's or ImageNet's, with the deviations of the same");
  const common = { ...CLIP_PREPROCESSING, imageSize, filter, statistics };
  const size = sizeOf(fields['size'] ?? { shortest_edge: 224 }) ?? fail('size', 'a shorter side, or height and width');
  if ((fields['do_center_crop'] ?? true) === true) {
    const crop = sizeOf(fields['crop_size'] ?? 224);
    if (crop?.sides[0] !== imageSize || crop.sides[1] !== imageSize)
      fail('crop_size', `${imageSize}, as the tower has it`);
    if (size.square) fail('size', 'a shorter side where the square is cut out');
    if (size.sides[0] < imageSize) fail('size', `at least ${imageSize}`);
    return { ...common, ...(size.sides[0] > imageSize && { resize: size.sides[0] }) };
  }
  if (!size.square || size.sides[0] !== imageSize || size.sides[1] !== imageSize) {
    fail('size', `height and width of ${imageSize}, as the tower has it, where nothing is cut off`);
  }
  return { ...common, stretch: true };
}

function statisticsOf(fields: Readonly<Record<string, unknown>>): Preprocessing['statistics'] | undefined {
  const { image_mean: mean = STATISTICS.clip.mean, image_std: deviation = STATISTICS.clip.deviation } = fields;
  const same = (value: unknown, numbers: readonly number[]): boolean =>
    Array.isArray(value) &&
    value.length === numbers.length &&
    numbers.every((number, i) => Math.abs(Number(value[i]) - number) < 1e-6);
  const names = Object.keys(STATISTICS) as Preprocessing['statistics'][];
  return names.find((name) => same(mean, STATISTICS[name].mean) && same(deviation, STATISTICS[name].deviation));
}

/** A side, or height and width. */
function sizeOf(value: unknown): { readonly square: boolean; readonly sides: readonly [number, number] } | undefined {
  const isSide = (side: unknown): side is number => Number.isSafeInteger(side) && Number(side) > 0;
  if (isSide(value)) return { square: false, sides: [value, value] };
  const { shortest_edge: edge, height, width } = Object(value) as Readonly<Record<string, unknown>>;
  if (isSide(edge)) return { square: false, sides: [edge, edge] };
  return isSide(height) && isSide(width) ? { square: true, sides: [height, width] } : undefined;
}

function recordOf(json: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw new WbdcError({ where, expected: 'an object', got: JSON.stringify(json)?.slice(0, 80) ?? typeof json });
}
