import { expect, it } from 'vitest';
import { parseProgram } from '../src/program.js';

it('reads operations, attributes and constants, and frees what is no result after its last use', () => {
  const lines = `a, b = Split <num = 2, axis = 1.5> (x, [0, -1])
    c = Cast <DstT = bfloat16, Truncate = false> (a)

    Assign (c, 0.5)
    y = Add (b, c)`;
  const { steps } = parseProgram(lines, ['y', 'b']);
  expect(steps).toEqual([
    {
      op: 'Split',
      attributes: [
        { name: 'num', type: 1, value: 2 },
        { name: 'axis', type: 2, value: 1.5 },
      ],
      inputs: ['x', [0, -1]],
      outputs: ['a', 'b'],
      free: [],
    },
    {
      op: 'Cast',
      attributes: [
        { name: 'DstT', type: 4, value: 14 },
        { name: 'Truncate', type: 3, value: false },
      ],
      inputs: ['a'],
      outputs: ['c'],
      free: ['a'],
    },
    { op: 'Assign', attributes: [], inputs: ['c', 0.5], outputs: [], free: [] },
    { op: 'Add', attributes: [], inputs: ['b', 'c'], outputs: ['y'], free: ['c'] },
  ]);
});

it('frees an output that nothing reads', () => {
  const [step] = parseProgram('y, z = Op (x)', ['y']).steps;
  expect(step.free).toEqual(['z']);
});

it('says what it cannot read', () => {
  expect(() => parseProgram('y = Op x', ['y'])).toThrow("expected 'y = Op <attribute = 1> (x, z)', got 'y = Op x'");
});
