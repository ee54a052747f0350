import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { say } from './common.mjs';
import { downloadHashed, extractFiles, findPython } from './wheel.mjs';

/**
 * What `tensorflow[and-cuda]` 2.21 asks of the Python package index, in the newest versions of CUDA 12 and cuDNN 9 that
 * it allows, by the hashes that the index has. TensorFlow's library looks for them beside itself, in
 * `$ORIGIN/../nvidia/<part>/lib`: no path has to be set.
 */
export const CUDA_WHEELS = [
  ['nvidia-cublas-cu12', '12.9.3.13', 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72'],
  ['nvidia-cuda-cupti-cu12', '12.8.90', 'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182'],
  ['nvidia-cuda-nvcc-cu12', '12.9.86', '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0'],
  ['nvidia-cuda-nvrtc-cu12', '12.9.86', '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4'],
  ['nvidia-cuda-runtime-cu12', '12.9.79', '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3'],
  ['nvidia-cudnn-cu12', '9.28.0.42', '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375'],
  ['nvidia-cufft-cu12', '11.4.1.4', 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28'],
  ['nvidia-curand-cu12', '10.3.10.19', '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e'],
  ['nvidia-cusolver-cu12', '11.7.5.82', '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88'],
  ['nvidia-cusparse-cu12', '12.5.10.65', '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78'],
  ['nvidia-nccl-cu12', '2.32.3', 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c'],
  ['nvidia-nvjitlink-cu12', '12.9.86', 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9'],
].map(([project, version, sha256]) => ({ project, version, sha256 }));

/** Of manylinux, whose names the wheels carry. */
const PLATFORMS = ['manylinux_2_27_x86_64', 'manylinux2014_x86_64', 'manylinux_2_17_x86_64', 'manylinux2010_x86_64'];

/** Lays CUDA's libraries out in `deps/nvidia`. Linux x64 alone: what the GPU wheel of TensorFlow is for. */
export async function layOutCuda({ deps }, timeout, wheels = CUDA_WHEELS) {
  const folder = join(deps, 'nvidia');
  rmSync(folder, { recursive: true, force: true });
  for (const wheel of wheels) {
    const scratch = mkdtempSync(join(tmpdir(), 'cuda-wheel-')); // one at a time: together they are gigabytes
    try {
      say(`downloading ${wheel.project} ${wheel.version} with pip, sha256 ${wheel.sha256.slice(0, 16)}...`);
      await downloadHashed(findPython(), wheel, PLATFORMS, scratch, timeout);
      const [file] = readdirSync(scratch).filter((name) => name.endsWith('.whl'));
      await extract(join(scratch, file), deps);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  return `CUDA in ${wheels.length} wheels`;
}

/** Libraries of every part; of the compiler what TensorFlow calls: the assembler and the library of its code. */
const WANTED = /^nvidia\/\w+\/lib\/[^/]+\.so[.\d]*$|^nvidia\/cuda_nvcc\/(bin\/ptxas|nvvm\/libdevice\/[^/]+\.bc)$/;

/** Where a file of a wheel goes under `deps`; undefined where it is not wanted. */
export function placeOfCuda(name) {
  return WANTED.test(name) ? name : undefined;
}

async function extract(file, deps) {
  const found = await extractFiles(file, deps, placeOfCuda);
  if (found.size === 0) throw new Error(`${file}: expected libraries under nvidia/<part>/lib in the wheel, got none`);
}
