// Writes docs/api/<package>.md from the sources: every public export with its signature and documentation.
// `node tools/api-reference.mjs` writes, `--check` fails where a committed page is out of step.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Application } from 'typedoc';

const root = resolve(import.meta.dirname, '..');
const committed = join(root, 'docs', 'api');
const check = process.argv.includes('--check');
const out = check ? mkdtempSync(join(tmpdir(), 'wbdc-api-')) : committed;

/** Source files behind the `exports` of a package. */
function entriesOf(name) {
  const { exports } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
  const sources = Object.values(exports).flatMap((entry) => (typeof entry === 'object' ? sourcesIn(entry) : []));
  return [...new Set(sources)].map((source) => join(root, 'packages', name, source));
}

function sourcesIn(entry) {
  const source = entry['@wbdc/source'];
  return typeof source === 'string' ? [source] : Object.values(source ?? {});
}

const names = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
);
if (!check) rmSync(out, { recursive: true, force: true });
const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  entryPoints: names.flatMap(entriesOf),
  tsconfig: join(root, 'tsconfig.api.json'),
  basePath: join(root, 'packages'),
  disableSources: true,
  excludeExternals: true,
  excludePrivate: true,
  excludeInternal: true,
  readme: 'none',
  name: 'wbdc',
  router: 'module',
  fileExtension: '.md',
  hideBreadcrumbs: true,
  hidePageHeader: true,
  useCodeBlocks: true,
  expandObjects: false,
  parametersFormat: 'list',
  interfacePropertiesFormat: 'table',
  propertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  skipErrorChecking: true,
  logLevel: 'Warn',
});
const project = await app.convert();
if (project === undefined) throw new Error('typedoc could not read the sources');
for (const module of project.children ?? []) module.name = module.name.replace('/src', '');
await app.outputs.writeOutput({ name: 'markdown', path: out }, project);

if (check) {
  const different = [...new Set([...pagesIn(out), ...pagesIn(committed)])].filter(
    (page) => read(out, page) !== read(committed, page),
  );
  rmSync(out, { recursive: true, force: true });
  if (different.length > 0) {
    console.error(
      `docs/api is out of step with the sources: ${different.join(', ')}: run 'npm run api' and commit what it writes`,
    );
    process.exitCode = 1;
  } else console.log('docs/api is in step with the sources');
}

function pagesIn(folder) {
  return existsSync(folder) ? readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.md')) : [];
}

function read(folder, page) {
  const path = join(folder, page);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
