import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shapeComments } from '../comments.js';
import { instrument, parse } from '../instrument.js';
import { checkShapes } from '../recorder.js';

const comments = (code: string): string[][] => {
  const source = parse('packages/sample/src/a.ts', code);
  return shapeComments(source).map(({ spec, expression, properties }) => [
    spec,
    expression.getText(source),
    ...properties,
  ]);
};

describe('shapeComments', () => {
  it.each<[string, string[][]]>([
    ['const x: T = f(a); // [B, L]', [['[B, L]', 'f(a)']]],
    ['const x = f(\n  a,\n); // [B, L], once for all', [['[B, L]', 'f(\n  a,\n)']]],
    ['const { mean, variance: v } = f(); // [N]', [['[N]', 'f()', 'mean', 'variance']]],
    ['const f = (a: T): T => g(a); // [B]', [['[B]', 'g(a)']]],
    ['function f() {\n  return g() as T; // [B] or [B, D]\n}', [['[B] or [B, D]', 'g() as T']]],
    [
      'const x = { a: f(), // [B]\n  b: g() }; // [N]',
      [
        ['[N]', '{ a: f(), // [B]\n  b: g() }'],
        ['[B]', 'f()'],
      ],
    ],
    ['f([\n  g(), // [B]\n  h(),\n]);', [['[B]', 'g()']]],
    ['let x;\nx = f(); // [B]', [['[B]', 'x = f()']]],
    ['// [B, L]\nconst x = f(a);', [['[B, L]', 'f(a)']]],
    ['const x = f(); // of [B, L]', []],
    ["const x = '// [B, L]';\n/** `// [B, L]` */\nconst y = `\n// [B]`;", []],
  ])('of %j', (code, expected) => expect(comments(code)).toEqual(expected));

  it.each(['interface A {\n  a: T; // [B]\n}', 'if (a) {\n  // [B]\n}'])(
    'refuses one beside no expression: %j',
    (code) => {
      expect(() => comments(code)).toThrow('packages/sample/src/a.ts:2: expected an expression beside a shape comment');
    },
  );
});

describe('instrumented code', () => {
  /** Runs the instrumented sample within sizes. */
  async function run<T>(code: string, call: (sample: Record<string, (...args: never[]) => unknown>) => T): Promise<T> {
    const file = join(import.meta.dirname, `.sample-${process.pid}-${performance.now()}.ts`);
    await writeFile(file, instrument('packages/sample/src/a.ts', code));
    try {
      const sample = (await import(/* @vite-ignore */ file)) as Parameters<typeof call>[0];
      let result: T;
      checkShapes(['sample'], { B: 3, L: 5, F: 7, D: 22 }, () => (result = call(sample)));
      return result!;
    } finally {
      await rm(file);
    }
  }

  const SAMPLE = `
    const tensor = (...shape: number[]) => ({ shape });
    export function joined(length: number) {
      const text = tensor(3, length, 22); // [B, L, D]
      const all = tensor(3, text.shape[1] + 7, 22); // [B, L + F, D]
      return { all, rows: [text, all].map((x) => tensor(x.shape[1])) }; 
    }
    export const square = (rows: number, columns: number) => tensor(rows, columns); // [N, N]
    export function twice(inner: number) {
      const rows = tensor(4); // [N]
      const again = () => {
        const x = tensor(inner); // [N]
        return x;
      };
      return [rows, again(), again()].length;
    }
    export function named(value: object) {
      const { mean, variance } = value as any; // [..., 1]
      return [mean, variance];
    }
  `;

  it('runs as before, and where before', async () => {
    const lines = instrument('packages/sample/src/a.ts', SAMPLE).split('\n');
    expect(lines).toHaveLength(SAMPLE.split('\n').length);
    expect(lines[3]).toContain('tensor(3, length, 22)');
    expect(await run(SAMPLE, ({ joined }) => joined(5 as never))).toMatchObject({ all: { shape: [3, 12, 22] } });
    expect(await run(SAMPLE, ({ twice }) => twice(4 as never))).toBe(3);
  });

  it('throws where a comment lies, with its line', async () => {
    const message = 'packages/sample/src/a.ts:4: expected [B, L, D] with B = 3, L = 5, D = 22, got [3, 6, 22]';
    await expect(run(SAMPLE, ({ joined }) => joined(6 as never))).rejects.toThrow(message);
    const lie = SAMPLE.replace('[B, L + F, D]', '[B, L - F, D]');
    await expect(run(lie, ({ joined }) => joined(5 as never))).rejects.toThrow(/a.ts:5: expected \[B, L - F, D\]/);
  });

  it('takes a letter for one size in a call, and in the functions within', async () => {
    expect(await run(SAMPLE, ({ square }) => [2, 4].map((n) => square(n as never, n as never)))).toHaveLength(2);
    await expect(run(SAMPLE, ({ square }) => square(2 as never, 4 as never))).rejects.toThrow(/expected \[N, N\]/);
    await expect(run(SAMPLE, ({ twice }) => twice(5 as never))).rejects.toThrow(/expected \[N\] with N = 4, got \[5\]/);
  });

  it('looks at the properties that a comment speaks of', async () => {
    const good = { mean: { shape: [5, 1] }, variance: { shape: [1] } };
    expect(await run(SAMPLE, ({ named }) => named(good as never))).toHaveLength(2);
    const wrong = { ...good, variance: { shape: [2] } };
    await expect(run(SAMPLE, ({ named }) => named(wrong as never))).rejects.toThrow(/got \[2\]/);
    await expect(run(SAMPLE, ({ named }) => named({ mean: 1 } as never))).rejects.toThrow(
      /a value with a shape, got 1/,
    );
  });
});
