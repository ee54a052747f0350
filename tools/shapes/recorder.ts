import { matchShape, type Sizes } from './shape.js';

/** Sizes that letters have in one call of a function. */
export type Scope = Map<string, number>;

/** A value of an ONNX graph in the making: its shape shows when the graph runs. */
export interface DeferredCheck {
  readonly name: string;
  readonly check: (shape: readonly number[]) => void;
}

interface Pass {
  readonly packages: readonly string[];
  readonly sizes: Sizes;
  readonly deferred: DeferredCheck[];
}

let current: Pass | undefined;

/** The comments that were checked so far, as `packages/nn/src/bert.ts:78`. */
export const checkedComments = new Set<string>();

/**
 * Runs a function in which these sizes hold, and checks the shape comments that the code of these packages passes by. A
 * letter without a size means one size in one call of a function. Gives what is left to check when ONNX graphs run.
 */
export function checkShapes(packages: readonly string[], sizes: Sizes, run: () => unknown): readonly DeferredCheck[] {
  const pass: Pass = { packages, sizes, deferred: [] };
  current = pass;
  try {
    if (run() instanceof Promise) throw new TypeError('checkShapes: expected a synchronous function');
  } finally {
    current = undefined;
  }
  return pass.deferred;
}

/** What instrumented code calls at the start of a function. */
export function newScope(parent?: Scope): Scope {
  return new Map(parent);
}

/** What instrumented code calls with a value and the comment on it. */
export function check<T>(scope: Scope, place: string, spec: string, properties: readonly string[], value: T): T {
  const pass = current;
  if (!pass?.packages.includes(place.split('/')[1])) return value;
  const verify = (shape: readonly number[]): void => {
    try {
      const sizes = new Map([...scope, ...Object.entries(pass.sizes)]);
      matchShape(spec, shape, sizes);
      sizes.forEach((size, letter) => scope.set(letter, size));
    } catch (cause) {
      throw new RangeError(`${place}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
    checkedComments.add(place);
  };
  const values = properties.length > 0 ? properties.map((name) => (value as Record<string, unknown>)[name]) : [value];
  for (const one of values) {
    if (typeof one === 'string') pass.deferred.push({ name: one, check: verify });
    else verify(shapeOf(one, place));
  }
  return value;
}

function shapeOf(value: unknown, place: string): readonly number[] {
  const shape = typeof value === 'object' && value !== null && 'shape' in value ? value.shape : undefined;
  if (!Array.isArray(shape)) throw new TypeError(`${place}: expected a value with a shape, got ${String(value)}`);
  return shape as number[];
}
