/**
 * Finds the GPU that tests may use, before they start: sets WBDC_TEST_GPU to its description for them, or says why the
 * engine 'webgpu' is not tested. Without a GPU it takes lavapipe, Mesa's Vulkan on the processor, which needs a layer
 * for Dawn (lavapipe-layer/) that is built here with gcc. WBDC_REQUIRE_GPU makes it an error to find none, and `real`
 * one to find a GPU that the processor plays.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

const HERE = import.meta.dirname;
const LAYER = join(HERE, 'lavapipe-layer');
const BUILT = join(HERE, '..', 'node_modules', '.cache', 'wbdc-lavapipe-layer');
const DRIVER = '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json';
const HEADERS = '/usr/include/vulkan/vk_layer.h';

const REAL = process.env.WBDC_REQUIRE_GPU === 'real';

/** Decides once for a process and those that it starts. */
export function findTestGpu() {
  if (process.env.WBDC_TEST_GPU !== undefined) return;
  const [real, why] = probe({});
  const [gpu, reason] = real || REAL ? [real, why] : lavapipe(why);
  process.env.WBDC_TEST_GPU = gpu ?? '';
  if (gpu) return;
  const message = `the engine 'webgpu' is not tested here: ${reason}`;
  if (process.env.WBDC_REQUIRE_GPU) throw new Error(message);
  console.warn(message);
}

function lavapipe(why) {
  if (!existsSync(DRIVER)) return [undefined, `${why}; no lavapipe (apt-get install mesa-vulkan-drivers)`];
  const env = { VK_ICD_FILENAMES: DRIVER, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? '/tmp' };
  try {
    Object.assign(env, { VK_LAYER_PATH: buildLayer(), VK_INSTANCE_LAYERS: 'VK_LAYER_WBDC_lavapipe' });
  } catch (error) {
    return [undefined, `lavapipe's layer does not build: ${String(error.message).split('\n')[0]}`];
  }
  const found = probe(env);
  if (found[0]) Object.assign(process.env, env);
  return found;
}

/** The folder of the layer; built anew where its source is newer. */
function buildLayer() {
  const [source, library] = [join(LAYER, 'layer.c'), join(BUILT, 'libwbdc_lavapipe.so')];
  if (existsSync(library) && statSync(library).mtimeMs >= statSync(source).mtimeMs) return BUILT;
  if (!existsSync(HEADERS)) throw new Error(`no ${HEADERS} (apt-get install libvulkan-dev)`);
  mkdirSync(BUILT, { recursive: true });
  const made = join(BUILT, `${process.pid}.so`);
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', made, source], { stdio: 'pipe' });
  copyFileSync(join(LAYER, 'wbdc_lavapipe.json'), join(BUILT, 'wbdc_lavapipe.json'));
  renameSync(made, library);
  return BUILT;
}

/** Looks in a process of its own, so that a driver that crashes ends nothing else. */
const PROBE = `
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('no GPU');
  if (${REAL} && adapter.info.isFallbackAdapter) throw new Error('no GPU but one played by the processor');
  await adapter.requestDevice();
  console.log(adapter.info.description || adapter.info.vendor);
  process.exit(0);
`;

/** Run by itself it prints what a shell is to evaluate so that other programs find the same GPU. */
if (process.argv[1] === import.meta.filename) {
  findTestGpu();
  for (const name of ['VK_ICD_FILENAMES', 'XDG_RUNTIME_DIR', 'VK_LAYER_PATH', 'VK_INSTANCE_LAYERS']) {
    if (process.env[name]) console.log(`export ${name}='${process.env[name]}'`);
  }
}

/** What the GPU is called with that environment, or why there is none. */
function probe(env) {
  try {
    const options = { env: { ...process.env, ...env }, stdio: 'pipe', timeout: 60_000, cwd: dirname(HERE) };
    return [execFileSync(process.execPath, ['--input-type=module', '-e', PROBE], options).toString().trim(), undefined];
  } catch (error) {
    const line = String(error.stderr ?? error.message)
      .split('\n')
      .find((text) => /^\w*Error/.test(text));
    return [undefined, line ?? 'no GPU'];
  }
}
