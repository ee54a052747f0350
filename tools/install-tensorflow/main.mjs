// Gives @tensorflow/tfjs-node (or tfjs-node-gpu) its binary: see --help.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildBinding, missingForBuild } from './build.mjs';
import { layOutCuda } from './cuda.mjs';
import { firstLine, run, say, Unavailable } from './common.mjs';
import { installOfficial } from './official.mjs';
import { findTarget, isBuilt, seesGpu } from './target.mjs';
import { findPython, layOutWheel, wheelOf } from './wheel.mjs';

const MINUTES = 60;
const MINUTES_IN_CI = 4;

const NO_CUDA =
  'it does not use the GPU: TensorFlow found no driver, or one older than CUDA 12 ' +
  '(TF_CPP_MIN_LOG_LEVEL=0 has it say what it looks for)';

const HELP = `Usage: npx nx run tools:install-tensorflow [options]

Makes '--engine tensorflow' work: gives the npm package @tensorflow/tfjs-node its native part. Tries the package's own
download first; where that cannot be reached, takes the C library out of TensorFlow's wheel with your pip settings
(Linux; needs python3 with pip, a C++ compiler and make), checks its hash and compiles the binding against it; for a GPU
takes CUDA 12 and cuDNN 9 out of NVIDIA's wheels too (gigabytes), beside the library, where it looks for them. Ends with
a training step whose values and gradients are checked. Does nothing where that already works.

  --cpu, --gpu        which package; by default tfjs-node-gpu where nvidia-smi sees a GPU
  --from <way>        'official' or 'wheel': only this way
  --if-possible       for CI: exit with 0 where this machine lacks or cannot reach what it takes, or where a download
                      takes over ${MINUTES_IN_CI} minutes; a failed build is still a failure
  --force             install again
  -h, --help          this text (node tools/install-tensorflow/main.mjs --help: Nx has a --help of its own)
`;

const OPTIONS = {
  cpu: { type: 'boolean' },
  gpu: { type: 'boolean' },
  from: { type: 'string' },
  'if-possible': { type: 'boolean' },
  force: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};

process.exitCode = await main();

async function main() {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) return 2;
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  try {
    await install(options);
    return 0;
  } catch (error) {
    const skip = options['if-possible'] && error instanceof Unavailable;
    console.error(skip ? `skipped: TensorFlow is not installed here\n${error.message}` : `error: ${error.message}`);
    return skip ? 0 : 1;
  }
}

function optionsOf(args) {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    if (values.cpu && values.gpu) throw new Error('expected one of --cpu and --gpu, got both');
    if (values.from !== undefined && !['official', 'wheel'].includes(values.from)) {
      throw new Error(`--from: expected 'official' or 'wheel', got '${values.from}'`);
    }
    return values;
  } catch (error) {
    console.error(`error: ${error.message}\n\n${HELP}`);
    return undefined;
  }
}

async function install({ cpu, gpu, from, force, 'if-possible': ifPossible }) {
  const target = findTarget(gpu ?? (!cpu && seesGpu()));
  if (!force && isBuilt(target)) {
    try {
      say(`already installed: ${await prove(target)}`);
      return;
    } catch (error) {
      say(`what is installed does not work, installing again: ${firstLine(error)}`);
    }
  }
  const source = await firstThatWorks(target, from, (ifPossible ? MINUTES_IN_CI : MINUTES) * 60_000);
  const proof = await prove(target);
  say(`proving it: ${proof}`);
  if (target.gpu && !proof.includes('on the GPU')) say(NO_CUDA);
  say(`${target.name} works (${source}); next: npx wbdc doctor, or any stage with --engine tensorflow`);
}

/** Where one way is unavailable the next is tried; any other failure ends it. */
async function firstThatWorks(target, from, timeout) {
  const ways = { official: fromOfficial, wheel: fromWheel };
  const reasons = [];
  for (const [name, way] of Object.entries(ways)) {
    if (from !== undefined && from !== name) continue;
    try {
      return await way(target, timeout);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      say(`${name}: ${error.message}`);
      reasons.push(`  ${name}: ${error.message}`);
    }
  }
  const without =
    `the engine 'ort' needs none of ` + `this${target.gpu ? ', and --cpu takes TensorFlow without the GPU' : ''}`;
  throw new Unavailable(`no way to get libtensorflow for ${target.name}:\n${reasons.join('\n')}\n  ${without}`);
}

/** A ready binary that does not load here (an old C library, another processor) is no reason to stop. */
async function fromOfficial(target, timeout) {
  await installOfficial(target, timeout);
  try {
    await prove(target);
  } catch (error) {
    rmSync(target.moduleFolder, { recursive: true, force: true });
    throw new Unavailable(`the downloaded binary does not work: ${firstLine(error)}`, { cause: error });
  }
  return 'official download';
}

async function fromWheel(target, timeout) {
  const wheel = wheelOf(target.gpu);
  assertTools();
  const source = await layOutWheel(target, wheel, timeout);
  await buildBinding(target);
  if (!target.gpu) return source;
  return `${source}, ${await layOutCuda(target, timeout)}`;
}

/** Before some hundred megabytes are downloaded: all that will be needed, in one message. */
function assertTools() {
  const missing = [...(findPython() ? [] : ['python3 with pip']), ...missingForBuild()];
  if (missing.length === 0) return;
  throw new Unavailable(
    `expected python3 with pip, a C++ compiler and make, got no ${missing.join(', no ')}: install them ` +
      `(Debian, Ubuntu: 'apt-get install python3-pip g++ make'; Fedora: 'dnf install python3-pip gcc-c++ make')`,
  );
}

async function prove({ name }) {
  const output = await run(process.execPath, [join(import.meta.dirname, 'prove.mjs'), name], { timeout: 300_000 });
  return output.trim().split('\n').at(-1);
}
