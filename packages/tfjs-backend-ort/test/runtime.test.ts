import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildModel } from '../src/graph.js';
import { loadRuntime, ORT_VERSION, OrtUnavailableError, type OrtValue } from '../src/runtime.js';

describe('finding onnxruntime-node', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ort-runtime-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Resolves packages as a module in the temporary folder would. */
  const load = (): unknown => loadRuntime(1, createRequire(join(folder, 'index.js')));

  function install(version: string, files: string[] = []): void {
    const root = join(folder, 'node_modules', 'onnxruntime-node');
    for (const file of ['package.json', ...files]) {
      mkdirSync(join(root, file, '..'), { recursive: true });
      writeFileSync(
        join(root, file),
        file === 'package.json' ? JSON.stringify({ version }) : "throw new Error('no GLIBC_2.28')",
      );
    }
  }

  it('says what to install where it is missing', () => {
    expect(load).toThrow(OrtUnavailableError);
    expect(load).toThrow(`needs onnxruntime-node ${ORT_VERSION}, found none; run: npm install --save-exact`);
  });

  it('rejects another version', () => {
    install('1.27.3');
    expect(load).toThrow(OrtUnavailableError);
    expect(load).toThrow(`needs onnxruntime-node ${ORT_VERSION} exactly, found 1.27.3 in ${folder}`);
  });

  it('names the platforms that have a binary', () => {
    install(ORT_VERSION, ['bin/napi-v6/plan9/mips/onnxruntime_binding.node']);
    expect(load).toThrow(OrtUnavailableError);
    expect(load).toThrow(`no binary for ${process.platform}-${process.arch}, only for plan9-mips`);
  });

  it('passes on why the binary does not load', () => {
    const binary = `bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`;
    install(ORT_VERSION, [binary, 'dist/binding.js']);
    expect(load).toThrow(OrtUnavailableError);
    expect(load).toThrow('does not load: no GLIBC_2.28');
  });
});

describe('sessions', () => {
  const floats = (data: Float32Array): OrtValue => ({ type: 'float32', data, dims: [data.length], location: 'cpu' });
  const types = { x: 'float32' } as const;

  it.each([[7], [100_003]])('fill %d values of the array they are given', (size) => {
    const session = loadRuntime(2)(buildModel('y = Mul (x, 3)', types, { y: 'float32' }));
    const x = Float32Array.from({ length: size }, (_, i) => i % 13);
    const y = new Float32Array(size);
    session.run({ x: floats(x) }, { y: floats(y) });
    expect(y).toEqual(x.map((value) => value * 3));
  });

  it('copy no large output, whatever the binding would do', () => {
    const session = loadRuntime(1)(buildModel('y = Neg (x)', types, { y: 'float32' }));
    const [x, y] = [new Float32Array(1_000_003), new Float32Array(1_000_003)];
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 5; i++) session.run({ x: floats(x) }, { y: floats(y) });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  });

  it.each([[7], [100_003]])("pass on ONNX Runtime's errors with %d values", (size) => {
    const session = loadRuntime(1)(buildModel('y = Add (x, z)', { ...types, z: 'float32' }, { y: 'float32' }));
    const y = floats(new Float32Array(size));
    expect(() => session.run({ x: y, z: floats(new Float32Array(5)) }, { y })).toThrow(/broadcast/i);
  });
});

describe('the text of graphs', () => {
  const build = (lines: string): Uint8Array => buildModel(lines, { x: 'float32' }, { y: 'float32' });

  it('takes constants, vectors and attributes', () => {
    const session = loadRuntime(1)(
      build('t = LeakyRelu <alpha = 0.5> (x)\ns = ReduceSum <keepdims = 1> (t, [0])\ny = Sub (s, -2)'),
    );
    const y = new Float32Array(1);
    const dims = [3];
    session.run(
      { x: { type: 'float32', data: Float32Array.of(-3, 5, 7), dims, location: 'cpu' } },
      { y: { type: 'float32', data: y, dims: [1], location: 'cpu' } },
    );
    expect(y[0]).toBe(12.5);
  });

  it('names the line it does not understand', () => {
    expect(() => build('y = Neg (x)\ny : Neg x')).toThrow("got 'y : Neg x'");
  });
});
