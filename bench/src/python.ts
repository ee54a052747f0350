import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender } from './peer.js';

export const ROOT = join(import.meta.dirname, '..', '..');

/** The first Python that can import a module: `WBDC_PYTHON`, `.venv/bin/python`, `python3`. */
export function findPython(module: string): string | undefined {
  const own = process.env['WBDC_PYTHON'];
  const candidates = own ? [own] : [join(ROOT, '.venv', 'bin', 'python'), 'python3'];
  return candidates
    .filter((path) => !path.includes('/') || existsSync(path))
    .find((path) => spawnSync(path, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0);
}

/** What to say where there is none. */
export function withoutPython(module: string): string {
  const own = process.env['WBDC_PYTHON'];
  const where = own ? `WBDC_PYTHON (${own})` : 'WBDC_PYTHON is not set, .venv/bin/python and python3';
  return `no Python that can import ${module}: ${where}; compared among ourselves only`;
}

/** A contender in Python: a script of bench/python with its arguments; OpenMP and MKL get the same threads. */
export function pythonPeer(python: string, script: string, name: string, args: string[], threads: number): Contender {
  const env = {
    OMP_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    RAYON_NUM_THREADS: String(threads),
    // Ours do not spin either. While others use the cores, threads that spin at OpenMP's barriers cost PyTorch 10 x.
    OMP_WAIT_POLICY: process.env['OMP_WAIT_POLICY'] ?? 'PASSIVE',
    PYTHONDONTWRITEBYTECODE: '1',
  };
  return { name, command: [python, '-u', join(ROOT, 'bench', 'python', script), ...args], env };
}

/** A contender in this program's own build. */
export function nodePeer(script: string, name: string, args: string[]): Contender {
  return { name, command: [process.execPath, join(import.meta.dirname, 'contenders', script), ...args] };
}
