import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { briefly, differences, FormatError, WbdcError } from '../src/errors.js';

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

it('is at most a kilobyte, however long a name in a file is: its start, and its end with the advice', () => {
  const long = '长😀'.repeat(1_000_000);
  const error = new FormatError({ where: long, expected: 'a name', got: long, advice: 'make the file again' });
  expect(Buffer.byteLength(error.message)).toBeLessThanOrEqual(1024);
  expect(error.message).toMatch(/^长😀长.* \.\.\. .*😀: make the file again$/);
  for (const field of [error.where, error.got]) expect(Buffer.byteLength(field!)).toBeLessThanOrEqual(1024);
  expect(Buffer.from(error.message).toString()).toBe(error.message);
  expect(new WbdcError('x'.repeat(1024)).message).toHaveLength(1024);
  expect(Buffer.byteLength(new WbdcError('x'.repeat(1025)).message)).toBe(1024);
});

it('cuts a text between characters', () => {
  for (let most = 12; most < 60; most++) {
    const text = briefly('a😀é长'.repeat(20), most);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(most);
    expect(Buffer.from(text).toString()).toBe(text);
  }
  expect(briefly('short')).toBe('short');
});

it('shows long values that differ by their start', () => {
  expect(differences({ a: 'x'.repeat(1e6) }, { a: 1 })).toEqual([
    { path: 'a', before: `"${'x'.repeat(79)}...`, after: '1' },
  ]);
  expect(differences({ a: `${'x'.repeat(1e6)}1` }, { a: `${'x'.repeat(1e6)}2` })).toHaveLength(1);
});
