import { readFile } from 'node:fs/promises';

/** Of the sources and of a package alike. */
const FOLDER = new URL('../page/', import.meta.url);

/** Where an app's document finds what it is made of. */
export interface AppDocument {
  /** Before the names of its files; '' beside the document. */
  readonly assets: string;
  /** The module to run, one of those files. */
  readonly script: string;
  /** More of its head, as HTML. */
  readonly head?: string;
}

/** The document of a page that people work with; its style is `page.css`, its icon `icon.svg`, its place `#app`. */
export function appDocument({ assets, script, head }: AppDocument): string {
  return `<!doctype html>
<html lang="zh-CN">
  <head>
    <meta charset="utf-8" />${head === undefined ? '' : `\n    ${head}`}
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>wbdc</title>
    <link rel="icon" href="${assets}icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="${assets}page.css" />
    <script type="module" src="${assets}${script}"></script>
  </head>
  <body>
    <div id="app"></div>
    <noscript>This page needs JavaScript. 此页面需要 JavaScript。</noscript>
  </body>
</html>
`;
}

/** The style that such pages share, with a page's own behind it. */
export async function appStyle(own: URL): Promise<string> {
  const [base, more] = await Promise.all([new URL('base.css', FOLDER), own].map((url) => readFile(url, 'utf8')));
  return `${base}${more}`;
}

export function appIcon(): Promise<string> {
  return readFile(new URL('icon.svg', FOLDER), 'utf8');
}
