import { copyFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { makeFolder, writeFileAtomic } from '@wbdc/io';
import { appDocument, appIcon, appStyle } from '@wbdc/report/app-page';
import { build } from 'esbuild';

const PAGE = fileURLToPath(new URL('../page/', import.meta.url));
/** Of tfjs's WebAssembly: without and with SIMD; the one with threads takes headers that a static page may not have. */
const WASM = ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm'];
/** Run from source, the packages are bundled from theirs. */
const conditions = import.meta.url.endsWith('.ts') ? ['@wbdc/source', 'browser'] : ['browser'];

/** Only its own scripts, pictures and files; WebAssembly is compiled. It stands in the page, for any web server. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; " +
  "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** Writes the page's program with all that it imports, its style and tfjs's WebAssembly into a folder. */
export async function bundlePage(out: string): Promise<void> {
  await makeFolder(out);
  const { outputFiles } = await build({
    entryPoints: [join(PAGE, 'main.tsx')],
    outfile: join(out, 'page.js'),
    ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022', legalComments: 'linked' },
    ...{ jsx: 'automatic', jsxImportSource: 'preact', conditions, logLevel: 'silent', charset: 'utf8' },
    write: false,
  });
  for (const { path, contents } of outputFiles) await writeFileAtomic(path, contents);
  await writeFileAtomic(join(out, 'page.css'), await appStyle(pathToFileURL(join(PAGE, 'page.css'))));
  await writeFileAtomic(join(out, 'icon.svg'), await appIcon());
  const wasm = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json'));
  for (const name of WASM) await copyFile(join(wasm, 'dist', name), join(out, name));
  await writeFileAtomic(join(out, 'index.html'), HTML);
}

const HTML = appDocument({
  assets: '',
  script: 'page.js',
  head: `<meta http-equiv="Content-Security-Policy" content="${POLICY}" />
    <meta name="referrer" content="no-referrer" />`,
});
