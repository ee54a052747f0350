import { existsSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run, runs, say } from './common.mjs';

/** Compiles the binding from the C++ sources in its npm package against deps/. */
export async function buildBinding(target) {
  const { folder, manifest, abi, moduleFolder } = target;
  const nodedir = headersFolder();
  say(
    `compiling the binding of ${target.name} ${manifest.version} ` +
      `(${nodedir ? `headers in ${nodedir}` : `headers from node-gyp's download`})`,
  );
  const variables = { module_name: manifest.binary.module_name, module_path: moduleFolder, napi_build_version: abi };
  const options = Object.entries({ ...variables, ...(nodedir ? { nodedir } : {}) });
  const args = [findNodeGyp(), 'rebuild', ...options.map(([name, value]) => `--${name}=${value}`)];
  await run(process.execPath, args, { cwd: folder });
  rmSync(join(folder, 'build'), { recursive: true, force: true });
}

/** What the compilation will need and this machine lacks. */
export function missingForBuild() {
  const missing = [process.env.CXX ?? 'g++', 'make'].filter((program) => !runs(program, '--version'));
  if (!findNodeGyp()) missing.push(`npm's node-gyp (run this through 'npx nx run tools:install-tensorflow')`);
  return missing;
}

/** Where Node's own headers stand beside it, as in its archives and most distributions' packages. */
function headersFolder() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined;
}

/** npm brings node-gyp and names it to what it runs; without npm around, it is looked for beside Node. */
function findNodeGyp() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const beside = join(prefix, 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js');
  return [process.env.npm_config_node_gyp, beside].find((path) => path && existsSync(path));
}
