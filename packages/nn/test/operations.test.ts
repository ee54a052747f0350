import { describe, expect, it } from 'vitest';
import { parseOperations } from '../src/operations.js';

describe('parseOperations', () => {
  it('reads values, constants and every kind of attribute, a line each', () => {
    const lines = `a, b = Split <axis = -1, alpha = 0.5, perm = [0, 2, 1]> (x, [0, -1])

      Assign <keep = true, DstT = bfloat16, epsilon = 1e-12> (a, -.25)`;
    expect(parseOperations(lines)).toEqual([
      {
        op: 'Split',
        attributes: [
          { name: 'axis', type: 'int', value: -1 },
          { name: 'alpha', type: 'float', value: 0.5 },
          { name: 'perm', type: 'ints', value: [0, 2, 1] },
        ],
        inputs: ['x', [0, -1]],
        outputs: ['a', 'b'],
      },
      {
        op: 'Assign',
        attributes: [
          { name: 'keep', type: 'bool', value: true },
          { name: 'DstT', type: 'type', value: 'bfloat16' },
          { name: 'epsilon', type: 'float', value: 1e-12 },
        ],
        inputs: ['a', -0.25],
        outputs: [],
      },
    ]);
  });

  it.each(['y = Neg', 'y : Neg (x)', 'y = Neg <axis = 1 (x)', '= Neg (x)'])('refuses %j', (line) => {
    expect(() => parseOperations(`y = Neg (x)\n${line}`)).toThrow(
      `expected 'y = Op <attribute = 1> (x, z)', got '${line}'`,
    );
  });
});
