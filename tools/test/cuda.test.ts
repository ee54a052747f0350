import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CUDA_WHEELS, layOutCuda, placeOfCuda } from '../install-tensorflow/cuda.mjs';

it('CUDA comes in twelve wheels, each of one hash', () => {
  expect(CUDA_WHEELS).toHaveLength(12);
  expect(new Set(CUDA_WHEELS.map(({ sha256 }) => sha256)).size).toBe(12);
  for (const { project, sha256 } of CUDA_WHEELS) {
    expect(project).toMatch(/^nvidia-[a-z-]+-cu12$/);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});

it('of a wheel its libraries are taken, where TensorFlow looks for them, and of the compiler what it calls', () => {
  for (const path of [
    'nvidia/cublas/lib/libcublasLt.so.12',
    'nvidia/cuda_runtime/lib/libcudart.so.12',
    'nvidia/cudnn/lib/libcudnn_engines_precompiled.so.9',
    'nvidia/cuda_nvcc/bin/ptxas',
    'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc',
  ]) {
    expect(placeOfCuda(path)).toBe(path);
  }
  for (const path of [
    'nvidia/cublas/include/cublas.h',
    'nvidia/cublas/lib/../../../etc/x.so.1',
    '/nvidia/cublas/lib/x.so.1',
    'nvidia/cuda_nvcc/bin/nvcc',
    'nvidia_cublas_cu12-12.9.dist-info/RECORD',
  ]) {
    expect(placeOfCuda(path)).toBeUndefined();
  }
});

function hasPip(): boolean {
  try {
    execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const bytesOf = (of: string | Uint8Array): Uint8Array => (typeof of === 'string' ? strToU8(of) : of);

function hasCompiler(): boolean {
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(process.platform !== 'linux' || !hasPip())('wheels by pip', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'cuda-test-'))));
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  /** A wheel in the folder that pip takes for the index. */
  function newWheel(files: Readonly<Record<string, string | Uint8Array>>) {
    const info = 'nvidia_stub_cu12-1.0.dist-info';
    const all = {
      ...files,
      [`${info}/METADATA`]: 'Metadata-Version: 2.1\nName: nvidia-stub-cu12\nVersion: 1.0\n',
      [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-manylinux2014_x86_64\n',
      [`${info}/RECORD`]: '',
    };
    const zip = zipSync(Object.fromEntries(Object.entries(all).map(([name, of]) => [name, bytesOf(of)])));
    writeFileSync(join(folder, 'nvidia_stub_cu12-1.0-py3-none-manylinux2014_x86_64.whl'), zip);
    for (const [name, value] of Object.entries({ PIP_NO_INDEX: '1', PIP_FIND_LINKS: folder })) vi.stubEnv(name, value);
    return { project: 'nvidia-stub-cu12', version: '1.0', sha256: createHash('sha256').update(zip).digest('hex') };
  }

  it('are laid out where the library looks, in place of what was there', async () => {
    const deps = join(folder, 'deps');
    const wheel = newWheel({ 'nvidia/stub/lib/libstub.so.12': 'library', 'nvidia/stub/include/stub.h': 'header' });
    for (let i = 0; i < 2; i++) expect(await layOutCuda({ deps }, 60_000, [wheel])).toBe('CUDA in 1 wheels');
    expect(readFileSync(join(deps, 'nvidia/stub/lib/libstub.so.12'), 'utf8')).toBe('library');
    expect(readdirSync(join(deps, 'nvidia/stub'))).toEqual(['lib']);
  });

  /** Stubs: the driver, the CUDA runtime that asks it, and TensorFlow with the RUNPATH of its wheel. */
  it.skipIf(!hasCompiler())('are found by the RUNPATH of TensorFlow alone, and reach the driver', async () => {
    const deps = join(folder, 'deps');
    const compile = (name: string, code: string, ...options: string[]): string => {
      writeFileSync(join(folder, 'stub.c'), code);
      const out = join(folder, name);
      execFileSync('gcc', ['-o', out, join(folder, 'stub.c'), '-L', folder, ...options]);
      return out;
    };
    const library = (name: string, code: string, ...options: string[]): string =>
      compile(name, code, '-shared', '-fPIC', `-Wl,-soname,${name}`, ...options);
    library('libcuda.so.1', 'int cuInit(int flags) { return 100; }'); // no device
    const runtime = library(
      'libcudart.so.12',
      'int cuInit(int); int start(void) { return cuInit(0); }',
      '-l:libcuda.so.1',
    );
    const runpath = '-Wl,--enable-new-dtags,-rpath,$ORIGIN/../nvidia/cuda_runtime/lib';
    library(
      'libtensorflow.so.2',
      'int start(void); int devices(void) { return start(); }',
      '-l:libcudart.so.12',
      runpath,
    );
    const main = '#include <stdio.h>\nint devices(void); int main(void) { return printf("%d", devices()) < 0; }';
    const rpath = `-Wl,-rpath,${join(deps, 'lib')}`;
    const program = compile('program', main, '-l:libtensorflow.so.2', rpath, `-Wl,-rpath-link,${folder}`);

    const wheel = newWheel({ 'nvidia/cuda_runtime/lib/libcudart.so.12': readFileSync(runtime) });
    await layOutCuda({ deps }, 60_000, [wheel]);
    mkdirSync(join(deps, 'lib'));
    renameSync(join(folder, 'libtensorflow.so.2'), join(deps, 'lib/libtensorflow.so.2'));
    rmSync(runtime);
    const driver = join(folder, 'driver'); // on a real machine a folder of the system
    mkdirSync(driver);
    renameSync(join(folder, 'libcuda.so.1'), join(driver, 'libcuda.so.1'));
    const found = execFileSync('ldd', [join(deps, 'lib/libtensorflow.so.2')], { encoding: 'utf8' });
    expect(found).toContain(`=> ${deps}/lib/../nvidia/cuda_runtime/lib/libcudart.so.12`);
    const env = { ...process.env, LD_LIBRARY_PATH: driver };
    expect(execFileSync(program, { env, encoding: 'utf8' })).toBe('100');
  });

  it('of another hash are refused, and those without libraries', async () => {
    const deps = join(folder, 'deps');
    const wheel = newWheel({ 'nvidia/stub/include/stub.h': 'header' });
    await expect(layOutCuda({ deps }, 60_000, [wheel])).rejects.toThrow(/expected libraries under nvidia/);
    const other = { ...wheel, sha256: '0'.repeat(64) };
    await expect(layOutCuda({ deps }, 60_000, [other])).rejects.toThrow(
      /nvidia-stub-cu12 1.0: .*not the published one/,
    );
    expect(existsSync(join(deps, 'nvidia/stub'))).toBe(false);
  });
});
