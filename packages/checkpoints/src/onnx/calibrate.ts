import { WbdcError } from '@wbdc/io/errors';
import { Histogram } from './histogram.js';
import { nodeOf } from './proto.js';
import { quantizedInputs, type OnnxRanges } from './quantize.js';

/** What an open model gives. */
interface Outputs {
  readonly [name: string]: { readonly data: unknown };
}

/** An open ONNX model, such as a session of onnxruntime. */
export interface CalibrationSession<F> {
  run(feeds: F, outputs: readonly string[]): Promise<Outputs>;
  release(): Promise<void>;
}

/** How ranges are found. */
export type CalibrationMethod = (typeof CALIBRATION_METHODS)[number];
/** {@link CalibrationMethod} as data. */
export const CALIBRATION_METHODS = ['minmax', 'percentile', 'entropy'] as const;

export interface CalibrateOnnxOptions<F> {
  /** Opens a model: `ort.InferenceSession.create`. */
  readonly open: (model: Uint8Array) => Promise<CalibrationSession<F>>;
  /** What the model is fed with, batch by batch. */
  readonly feeds: Iterable<F> | AsyncIterable<F>;
  /**
   * `minmax` (default): from the smallest value to the largest; `percentile`: without the rarest; `entropy`: where the
   * steps of 8 bits say most of how values are distributed, at least up to the largest value of the first batch.
   */
  readonly method?: CalibrationMethod | undefined;
  /** Of `percentile`: what part of the values counts, in percent. Default 99.999. */
  readonly percentile?: number | undefined;
  /** What to call the model in messages. */
  readonly where?: string;
}

/**
 * From where to where the values go that a float32 model's weights multiply, on data of one's own: for `quantizeOnnx`.
 * They are those of `MinMaxCalibrater`, `PercentileCalibrater` and `EntropyCalibrater` (`symmetric=False`) of
 * onnxruntime.quantization.
 *
 * @throws WbdcError `calibration-empty` without data, `calibration-method`; `onnx-file`, `onnx-external`, `onnx-graph`
 *   as `quantizeOnnx`; `onnx-small` where there is nothing to quantize; `onnx-weights` where values are not finite
 */
export async function calibrateOnnx<F>(
  model: Uint8Array,
  { open, feeds, method = 'minmax', percentile = 99.999, where = 'the ONNX model' }: CalibrateOnnxOptions<F>,
): Promise<OnnxRanges> {
  assertMethod(method, percentile);
  const { contents, names } = quantizedInputs(model, where);
  if (names.length === 0) {
    const expected = 'a model with weights to quantize';
    throw new WbdcError({ where, expected, got: 'none that are large enough', code: 'onnx-small' });
  }
  const whole = method !== 'minmax';
  const endsOf = (name: string) => [`${name}_smallest`, `${name}_largest`] as const;
  const readOf = (name: string): readonly string[] => (whole ? [name] : endsOf(name));
  const reduced = names.flatMap((name) => {
    const [smallest, largest] = endsOf(name);
    return [
      nodeOf('ReduceMin', [name], [smallest], { keepdims: 0 }),
      nodeOf('ReduceMax', [name], [largest], { keepdims: 0 }),
    ];
  });
  const outputs = names.flatMap(readOf);
  const session = await open(contents.encode({ nodes: [...contents.nodes, ...(whole ? [] : reduced)], outputs }));
  const seen = new Map(names.map((name) => [name, new Histogram(method === 'entropy' ? ENTROPY_BINS : undefined)]));
  let batches = 0;
  try {
    for await (const feed of feeds) {
      const results = await session.run(feed, outputs);
      for (const name of names) {
        for (const read of readOf(name)) {
          const one = floats(results[read]);
          if (!one.every(Number.isFinite)) throw notFinite(name, where);
          seen.get(name)!.add(one);
        }
      }
      batches++;
    }
  } finally {
    await session.release();
  }
  if (batches === 0) {
    const problem = { where, expected: 'data to calibrate with', got: 'none' };
    throw new WbdcError({ ...problem, code: 'calibration-empty' });
  }
  const cut = (100 - percentile) / 100;
  const rangeOf: Readonly<Record<CalibrationMethod, (of: Histogram) => OnnxRanges[string]>> = {
    minmax: ({ min, max }) => ({ min, max }),
    percentile: (of) => of.between(cut),
    entropy: (of) => of.informative(),
  };
  return Object.fromEntries([...seen].map(([name, of]) => [name, rangeOf[method](of)]));
}

const ENTROPY_BINS = 128;

function floats({ data }: Outputs[string]): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>);
}

function notFinite(name: string, where: string): WbdcError {
  const got = `NaN or infinity in ${name}`;
  return new WbdcError({ where, expected: 'data and weights that give finite values', got, code: 'onnx-weights' });
}

/** @throws WbdcError `calibration-method` */
function assertMethod(method: string, percentile: number): void {
  const known = (CALIBRATION_METHODS as readonly string[]).includes(method);
  if (known && percentile > 50 && percentile <= 100) return;
  const [expected, got] = known
    ? ['a percentile above 50, up to 100', String(percentile)]
    : [`one of ${CALIBRATION_METHODS.join(', ')}`, `'${method}'`];
  throw new WbdcError({ where: 'calibration', expected, got, code: 'calibration-method' });
}
