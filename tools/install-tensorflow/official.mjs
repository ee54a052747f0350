import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { request } from 'node:https';
import { delimiter, join, resolve } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { firstLine, run, say, Unavailable } from './common.mjs';
import { isBuilt } from './target.mjs';

const CONNECT_TIMEOUT = 5_000;
const BIN = resolve(import.meta.dirname, '../../node_modules/.bin');

/** Runs the package's own install script: libtensorflow and the ready binding from the place its manifest names. */
export async function installOfficial(target, timeout) {
  const { host } = target.manifest.binary;
  say(`asking ${new URL(host).host}, where ${target.name} ${target.manifest.version} has its binary`);
  await assertReachable(target, host);
  say('downloading libtensorflow and the binding with the install script of the package');
  const manifestFile = join(target.folder, 'package.json');
  const manifest = readFileSync(manifestFile);
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}` };
  const [, ...script] = target.manifest.scripts.install.split(' '); // 'node scripts/install.js ...'
  try {
    await run(process.execPath, script, { cwd: target.folder, env, timeout });
    if (!isBuilt(target)) throw new Error(`expected ${target.binding}, got no such file`);
  } catch (error) {
    rmSync(target.moduleFolder, { recursive: true, force: true });
    throw new Unavailable(`the install script of ${target.name} failed: ${firstLine(error)}`, { cause: error });
  } finally {
    writeFileSync(manifestFile, manifest); // the script changes it, and leaves it changed where it fails
  }
}

/** The install script itself would wait for minutes where connections are dropped. */
function assertReachable({ folder }, url) {
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy } = process.env;
  const proxy = HTTPS_PROXY || https_proxy || HTTP_PROXY || http_proxy;
  const ProxyAgent = createRequire(join(folder, 'package.json'))('https-proxy-agent');
  const agent = proxy ? { agent: new ProxyAgent(proxy) } : {};
  return new Promise((done, fail) => {
    const give = (why) => fail(new Unavailable(`${new URL(url).host} cannot be reached: ${why}`));
    const deadline = setTimeout(
      () => call.destroy(new Error(`no answer in ${CONNECT_TIMEOUT / 1000} s`)),
      CONNECT_TIMEOUT,
    );
    const call = request(url, { method: 'HEAD', ...agent }, (response) => {
      clearTimeout(deadline);
      response.resume();
      done();
    });
    call.on('error', (error) => {
      clearTimeout(deadline);
      give(firstLine(error) || error.code);
    });
    call.end();
  });
}
