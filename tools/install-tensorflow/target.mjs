import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { runs } from './common.mjs';

/** Whether the driver's own tool sees an NVIDIA GPU. */
export const seesGpu = () => runs('nvidia-smi', '--list-gpus');

/** The npm package that gets a binary, and where its parts belong. */
export function findTarget(gpu) {
  const name = gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  const path = manifestPath(name);
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  const folder = dirname(path);
  const abi = Math.min(Math.max(...manifest.binary.napi_versions), Number(process.versions.napi));
  const moduleFolder = join(folder, manifest.binary.module_path.replace('{napi_build_version}', String(abi)));
  const binding = join(moduleFolder, `${manifest.binary.module_name}.node`);
  return { name, gpu, folder, manifest, abi, moduleFolder, binding, deps: join(folder, 'deps') };
}

function manifestPath(name) {
  try {
    return createRequire(import.meta.url).resolve(`${name}/package.json`);
  } catch {
    throw new Error(
      `expected the npm package ${name} in node_modules, got none: run 'npm ci' (without --omit=optional) first`,
    );
  }
}

export const isBuilt = ({ binding }) => existsSync(binding);
