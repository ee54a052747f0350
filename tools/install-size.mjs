// What installing the command line costs: packs @wbdc/runner and the packages it depends on, installs the tarballs into
// an empty folder without scripts, and adds up the files. `node tools/install-size.mjs [repository]`, after a build.
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
const folders = ['packages', 'apps'].flatMap((group) =>
  readdirSync(join(root, group)).map((name) => join(group, name)),
);
const packages = new Map(
  folders.map((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    return [manifest.name, { folder: join(root, folder), needs: Object.keys(manifest.dependencies ?? {}) }];
  }),
);
const needed = new Set(['@wbdc/runner']);
for (const name of needed) for (const need of packages.get(name).needs) if (packages.has(need)) needed.add(need);

const project = mkdtempSync(join(tmpdir(), 'wbdc-install-'));
const npm = (args, cwd) =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 });
try {
  const tarballs = [...needed].map((name) => {
    const [{ filename }] = JSON.parse(
      npm(['pack', '--json', '--pack-destination', project], packages.get(name).folder),
    );
    return join(project, filename);
  });
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs], project);
  const installed = join(project, 'node_modules');
  const sizes = readdirSync(installed, { recursive: true }).map((path) => lstatSync(join(installed, path)).size);
  const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1e6;
  console.log(`${megabytes.toFixed(0)} MB in ${sizes.length} files and folders: @wbdc/runner with all it depends on`);
} finally {
  rmSync(project, { recursive: true, force: true });
}
