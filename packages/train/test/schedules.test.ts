import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { distance } from '../../../tools/testing.js';
import * as train from '../src/index.js';

const { schedules } = JSON.parse(readFileSync(new URL('fixtures/adamw.json', import.meta.url), 'utf8')) as {
  schedules: Record<'warmupCosine' | 'warmupLinear' | 'constant', number[]>;
};

it.each(Object.entries(schedules))('%s gives the factors of transformers', (name, expected) => {
  const schedule = train[name as keyof typeof schedules];
  expect(
    distance(
      expected.map((_, step) => schedule(step, 20, 3)),
      expected,
    ),
  ).toBeLessThan(1e-12);
});

it('starts at full rate without warm-up, and ends at 0', () => {
  for (const schedule of [train.warmupCosine, train.warmupLinear]) {
    expect(schedule(0, 7, 0)).toBe(1);
    expect(schedule(7, 7, 0)).toBeCloseTo(0);
    expect(schedule(11, 7, 0)).toBeCloseTo(0);
  }
});
