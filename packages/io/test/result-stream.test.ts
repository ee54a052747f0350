import { expect, it } from 'vitest';
import { ResultStream } from '../src/result-stream.js';

const failing = (code: string) => ({
  write: (_text: string, done?: (error?: Error | null) => void) =>
    void process.nextTick(() => done?.(Object.assign(new Error(code), { code }))),
});

it('tells that results were lost, once they were', async () => {
  const results = new ResultStream(failing('ENOSPC'));
  await results.end();
  results.write('a line\n');
  await expect(results.end()).rejects.toThrow(
    'stdout: expected room for all lines, got a full disk: some lines are lost',
  );
});

it('does not mind a reader that left', async () => {
  const results = new ResultStream(failing('EPIPE'));
  results.write('a line\n');
  await results.end();
});

it('writes', async () => {
  const lines: string[] = [];
  const results = new ResultStream({ write: (text, done) => (lines.push(text), done?.(null)) });
  results.write('a line\n');
  await results.end();
  expect(lines).toEqual(['a line\n']);
});
