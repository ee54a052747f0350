// Proves that what npm would publish works for a stranger: packs every package, checks the tarballs with publint and
// are-the-types-wrong, installs them into an empty project and runs the snippets of their READMEs there.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { transformSync } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = resolve(import.meta.dirname, '..');
const folders = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
const scratch = mkdtempSync(join(tmpdir(), 'wbdc-pack-'));
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

try {
  const tarballs = [];
  for (const folder of folders) tarballs.push(await pack(folder));
  installAndRun(tarballs);
} catch (error) {
  console.error(error.stdout ?? '', error.stderr ?? '', error.message);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function pack(folder) {
  const [{ filename, name, size }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', scratch], folder));
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { messages } = await publint({ pkgDir: folder, strict: true, pack: 'npm' });
  if (messages.length > 0) throw new Error(messages.map((m) => `${name}: ${formatMessage(m, manifest)}`).join('\n'));
  const file = join(scratch, filename);
  run('npx', ['attw', file, '--profile', 'esm-only'], root);
  console.log(`${name}: ${(size / 1024).toFixed(0)} KiB, publint and are-the-types-wrong found nothing`);
  return { file, folder, name };
}

function installAndRun(tarballs) {
  const project = mkdtempSync(join(scratch, 'project-'));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const peers = ['@tensorflow/tfjs@4.22.0', 'onnxruntime-node@1.30.0'];
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  run('npm', ['install', ...flags, ...tarballs.map(({ file }) => file), ...peers], project);
  for (const { folder, name } of tarballs) {
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    const snippets = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1]);
    if (snippets.length === 0) throw new Error(`${name}: expected a snippet in its README, got none`);
    snippets.forEach((snippet, i) => {
      const { code } = transformSync(snippet, { loader: 'ts', format: 'esm' });
      const file = join(project, `snippet-${i}.mjs`);
      writeFileSync(file, code);
      run('node', [file], project);
    });
    console.log(`${name}: installed from its tarball, its README's ${snippets.length} snippet(s) run`);
  }
}
