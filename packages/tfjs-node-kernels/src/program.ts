import { parseOperations, type Operation, type OperationAttribute } from '@wbdc/nn/operations';
import { ATTRIBUTE, DTYPE, type Attribute } from './binding.js';

/** A few operations of TensorFlow one after another. */
export interface Program {
  readonly steps: readonly Step[];
}

interface Step extends Omit<Operation, 'attributes'> {
  readonly attributes: readonly Attribute[];
  /** Values of this program that no later step reads. */
  readonly free: readonly string[];
}

/**
 * A program from lines, see {@link parseOperations}: constants are float32, vectors int32. Values beside the results
 * are freed after the last step that reads them.
 */
export function parseProgram(lines: string, results: readonly string[]): Program {
  const steps = parseOperations(lines).map((step) => ({ ...step, attributes: step.attributes.map(attributeOf) }));
  const kept = new Set(results);
  const last = new Map<string, number>();
  steps.forEach(({ inputs, outputs }, i) => {
    for (const name of [...inputs, ...outputs]) if (typeof name === 'string') last.set(name, i);
  });
  const computed = new Set(steps.flatMap(({ outputs }) => outputs));
  const freed = [...computed].filter((name) => !kept.has(name));
  return { steps: steps.map((step, i) => ({ ...step, free: freed.filter((name) => last.get(name) === i) })) };
}

function attributeOf({ name, type, value }: OperationAttribute): Attribute {
  if (type === 'ints') throw new SyntaxError(`${name}: expected one value, got [${value.join(', ')}]`);
  if (type !== 'type') return { name, type: ATTRIBUTE[type], value };
  if (!(value in DTYPE)) throw new SyntaxError(`${name}: expected ${Object.keys(DTYPE).join(', ')}, got ${value}`);
  return { name, type: ATTRIBUTE.type, value: DTYPE[value as keyof typeof DTYPE] };
}
