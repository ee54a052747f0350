import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appDocument, appIcon, appStyle } from '@wbdc/report/app-page';
import type { FastifyInstance } from 'fastify';

/** Where the page's own modules are, as tsc writes them; the same from the sources and from a package. */
const MODULES = new URL('../../dist/page/', import.meta.url);
const STYLE = new URL('../../page/page.css', import.meta.url);

/** What the page imports by name, and where a browser finds it: no bundler stands between. */
const IMPORTS = {
  preact: 'preact.mjs',
  'preact/hooks': 'hooks.mjs',
  'preact/jsx-runtime': 'jsxRuntime.mjs',
} as const;

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The page at `/`, and what it is made of; all read once, nothing from elsewhere. */
export async function addPageRoutes(app: FastifyInstance): Promise<void> {
  const assets = await readAssets();
  const imports = Object.fromEntries(Object.entries(IMPORTS).map(([name, file]) => [name, `/assets/${file}`]));
  const map = JSON.stringify({ imports });
  const hash = createHash('sha256').update(map).digest('base64');
  const head = `<script type="importmap">${map}</script>`;
  const html = appDocument({ assets: '/assets/', script: 'main.js', head });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => {
    const policy = String(reply.getHeader('content-security-policy'));
    const allowed = policy.replace("script-src 'self'", `script-src 'self' 'sha256-${hash}'`);
    return reply.header('content-security-policy', allowed).type('text/html; charset=utf-8').send(html);
  });
  app.get<{ Params: { name: string } }>(
    '/assets/:name',
    { schema: { hide: true } },
    async ({ params: { name } }, reply) => {
      const contents = assets.get(name);
      if (contents === undefined) return reply.callNotFound();
      return reply.type(TYPES[extname(name)]).header('cache-control', 'no-cache').send(contents);
    },
  );
}

async function readAssets(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, URL>();
  for (const name of await readdir(MODULES)) if (name.endsWith('.js')) files.set(name, new URL(name, MODULES));
  for (const [specifier, name] of Object.entries(IMPORTS)) files.set(name, new URL(import.meta.resolve(specifier)));
  const read = [...files].map(async ([name, url]): Promise<[string, string]> => {
    const text = await readFile(fileURLToPath(url), 'utf8');
    return [name, text.replace(/\/\/# sourceMappingURL=.*\s*$/, '')];
  });
  return new Map([...(await Promise.all(read)), ['page.css', await appStyle(STYLE)], ['icon.svg', await appIcon()]]);
}
