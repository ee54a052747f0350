import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { WbdcError } from '../src/errors.js';

it('says in one line what its fields hold', () => {
  const error = new WbdcError(
    { where: 'a.json', expected: '3 layers', got: '2', advice: 'load another', code: 'layers' },
    { cause: 7 },
  );
  expect(error.message).toBe('a.json: expected 3 layers, got 2: load another');
  expect({ ...error }).toEqual({ name: 'WbdcError', where: 'a.json', expected: '3 layers', got: '2', code: 'layers' });
  expect(error.cause).toBe(7);
  expect(new WbdcError({ expected: 'x', got: 'y' }).message).toBe('expected x, got y');
});

it('has no fields that say nothing', () => {
  class SpecialError extends WbdcError {
    override readonly name = 'SpecialError';
  }
  const error = new SpecialError('broken');
  expect(Object.keys(error)).toEqual(['name']);
  expect(inspect(error)).not.toContain('undefined');
  expect(String(error)).toBe('SpecialError: broken');
  expect(error).toBeInstanceOf(WbdcError);
});
