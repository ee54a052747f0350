// Proves that what npm would publish works for a stranger: packs every package and the runner, checks the tarballs with
// publint and are-the-types-wrong, installs them into empty projects, runs the snippets of their READMEs, type checks
// and runs a program that opens trained models (tools/stranger), bundles it for a browser, and asks the command line
// for its version.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { buildSync, transformSync } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = resolve(import.meta.dirname, '..');
const folders = [
  ...readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name)),
  join(root, 'apps', 'web'),
];
const runner = join(root, 'apps', 'runner');
const PEERS = [
  ...['@tensorflow/tfjs@4.22.0', 'onnxruntime-node@1.30.0', '@lancedb/lancedb@0.31.0', 'apache-arrow@18.1.0'],
  'usearch@2.21.4',
];
/** Without LanceDB's clients of embedding services: 300 MB that nothing here uses. */
const { overrides } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** Their snippets work on models and videos: their own tests run them, and here a stranger's program does the like. */
const NEED_FILES = ['@wbdc/pipeline', '@wbdc/web'];
const scratch = mkdtempSync(join(tmpdir(), 'wbdc-pack-'));
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

try {
  const tarballs = await pack([...folders, runner]);
  const packages = tarballs.filter(({ folder }) => folder !== runner);
  const project = install(packages);
  await runSnippets(project, packages);
  runStranger(project);
  runCommandLine(tarballs.filter(({ name }) => !['@wbdc/demo-data', '@wbdc/web'].includes(name)));
} catch (error) {
  console.error(error.stdout ?? '', error.stderr ?? '', error.message);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Tarballs of the packages, checked. */
async function pack(folders) {
  const workspaces = folders.flatMap((folder) => ['--workspace', folder]);
  const packed = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', scratch, ...workspaces], root));
  const tarballs = [];
  for (const folder of folders) {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { filename, name, size } = packed.find(({ name }) => name === manifest.name);
    const file = join(scratch, filename);
    const { messages } = await publint({ pkgDir: folder, strict: true, pack: 'npm' });
    const problems = [...messages.map((m) => formatMessage(m, manifest)), ...(await typeProblems(file))];
    if (problems.length > 0) throw new Error(problems.map((problem) => `${name}: ${problem}`).join('\n'));
    console.log(`${name}: ${(size / 1024).toFixed(0)} KiB, publint and are-the-types-wrong found nothing`);
    tarballs.push({ file, folder, name });
  }
  return tarballs;
}

/** What are-the-types-wrong finds, but for those who cannot import ES modules (its profile `esm-only`). */
async function typeProblems(file) {
  const { types, problems } = await checkPackage(createPackageFromTarballData(readFileSync(file)));
  if (!types) return ['expected types, got none'];
  return problems
    .filter(({ resolutionKind }) => resolutionKind !== 'node10' && resolutionKind !== 'node16-cjs')
    .map((problem) => JSON.stringify(problem));
}

/** An empty project with these tarballs. */
function install(tarballs, others = PEERS) {
  const project = mkdtempSync(join(scratch, 'project-'));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module', overrides }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  run('npm', ['install', ...flags, ...tarballs.map(({ file }) => file), ...others], project);
  return project;
}

async function runSnippets(project, tarballs) {
  const packages = tarballs
    .filter(({ name }) => !NEED_FILES.includes(name))
    .map(({ folder, name }) => {
      const readme = readFileSync(join(folder, 'README.md'), 'utf8');
      const found = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1]);
      if (found.length === 0) throw new Error(`${name}: expected a snippet in its README, got none`);
      return found.map((snippet, i) => ({ snippet, name, file: join(project, `${name.slice(6)}-${i}.mjs`) }));
    });
  const waiting = [...packages];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      // one after another: a README goes on with what it has made before
      for (const { snippet, file } of next) {
        writeFileSync(file, transformSync(snippet, { loader: 'ts', format: 'esm', target: 'node20' }).code);
        await promisify(execFile)('node', [file], { cwd: project });
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  console.log(
    `installed from their tarballs, the packages run the ${packages.flat().length} snippets of their READMEs`,
  );
}

/** A program of somebody else's: no runner is installed. */
function runStranger(project) {
  const source = readFileSync(join(root, 'tools/stranger/stranger.ts'), 'utf8');
  writeFileSync(join(project, 'stranger.ts'), source);
  cpSync(join(root, 'packages/pipeline/test/fixtures/0.1.0'), join(project, 'models'), { recursive: true });
  const strict = {
    strict: true,
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    skipLibCheck: true,
    noEmit: true,
  };
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const compilerOptions = {
      ...strict,
      module,
      moduleResolution,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['stranger.ts'] }));
    run(join(root, 'node_modules/.bin/tsc'), ['-p', project], project);
  }
  writeFileSync(
    join(project, 'stranger.mjs'),
    transformSync(source, { loader: 'ts', format: 'esm', target: 'node20' }).code,
  );
  const printed = run('node', ['stranger.mjs'], project);
  console.log(
    `a stranger's program type checks (nodenext, bundler) and runs: ${printed.trim().replaceAll(/\s+/g, ' ')}`,
  );
  buildSync({
    stdin: { contents: "export * from '@wbdc/pipeline';", resolveDir: project },
    ...{
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'esm',
      external: ['@tensorflow/tfjs'],
      logLevel: 'silent',
    },
  });
  console.log('@wbdc/pipeline as installed bundles for a browser, with no Node module');
}

function runCommandLine(tarballs) {
  const project = install(tarballs, []);
  const version = run('npx', ['wbdc', '--version'], project).trim();
  const installed = readdirSync(join(project, 'node_modules'), { recursive: true }).map(String);
  const large = installed.filter((path) =>
    /(emojibase-data|openmoji|fluent-emoji[^/]*|@twemoji\/svg|cldr-annotations-full|@lancedb\/.*)$/.test(path),
  );
  if (large.length > 0) throw new Error(`@wbdc/runner: expected no large package, got ${large.slice(0, 9).join(', ')}`);
  const index = join(project, 'an-index');
  mkdirSync(join(index, 'videos.lance'), { recursive: true });
  const { status, stderr } = spawnSync('npx', ['wbdc', 'search', 'x', '--in', index], {
    cwd: project,
    encoding: 'utf8',
  });
  if (status !== 1 || !stderr.includes('npm install @lancedb/lancedb@0.31.0 apache-arrow@18.1.0'))
    throw new Error(`@wbdc/runner: expected to be told what to install for an index, got ${status}: ${stderr}`);
  console.log(`@wbdc/runner: installed from its tarball, wbdc ${version} runs, no emoji and no database come with it`);
}
