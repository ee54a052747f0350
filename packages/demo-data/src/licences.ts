import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder, SOURCE_PACKAGES } from './sources.js';
import { LARGE_PACKAGE } from './large/large.js';
import type { SourcePackage, Sources } from './sources.js';

interface Licence {
  readonly gives: string;
  readonly holder: string;
  readonly licence: string;
  readonly url: string;
  /** File of the licence's text inside the package, where it is short enough to repeat. */
  readonly text?: string;
}

const LICENCES: Readonly<Record<SourcePackage, Licence>> = {
  'emojibase-data': {
    gives: 'titles, tags and categories',
    holder: 'Miles Johnson, after data of the Unicode Consortium',
    licence: 'MIT',
    url: 'https://emojibase.dev',
    text: 'LICENSE',
  },
  'cldr-annotations-full': {
    gives: 'the words in `ocr` (zh-Hant) and `asr` (yue-Hans)',
    holder: 'The Unicode Consortium',
    licence: 'Unicode-3.0',
    url: 'https://cldr.unicode.org',
    text: 'LICENSE',
  },
  '@lobehub/fluent-emoji-3d': {
    gives: 'frames named `*-fluent.jpg`',
    holder: 'Microsoft (Fluent Emoji), packaged by LobeHub',
    licence: 'MIT',
    url: 'https://github.com/microsoft/fluentui-emoji',
  },
  '@twemoji/svg': {
    gives: 'frames named `*-twemoji.jpg`',
    holder: 'Twitter, Inc. and other contributors (Twemoji), packaged by Samuel Kopp',
    licence: 'graphics CC-BY 4.0, package MIT',
    url: 'https://github.com/jdecked/twemoji',
  },
  openmoji: {
    gives: 'frames named `*-openmoji.jpg` and `*-openmoji-black.jpg`',
    holder: 'OpenMoji, the open-source emoji and icon project (openmoji.org)',
    licence: 'CC-BY-SA 4.0',
    url: 'https://openmoji.org',
  },
};

const { name: LARGE_NAME, version } = LARGE_PACKAGE;
const LARGE = [
  `${LARGE_NAME} ${version}`,
  'frames named `*-strokes.jpg`, the texts of those videos, `corpus.json`',
  'theajack; strokes after Make Me a Hanzi and Arphic Technology',
  'package MIT, strokes Arphic Public License; it does not say where its definitions are from: keep them to yourself',
  '<https://github.com/cn-char/cnchar-data>',
];

/** LICENSES.md of the data set: who drew and wrote what, under which terms, and what was changed. */
export function licencesMarkdown(sources: Sources, imageSize: number, large = false): string {
  const rows = SOURCE_PACKAGES.map((name) => {
    const { gives, holder, licence, url } = LICENCES[name];
    return `| ${name} ${sources.versions[name]} | ${gives} | ${holder} | ${licence} | <${url}> |`;
  });
  return `# Licences of the demo data set

Built from these npm packages:

| package | gives | by | licence | source |
|---|---|---|---|---|
${[...rows, ...(large ? [`| ${LARGE.join(' | ')} |`] : [])].join('\n')}

Changes: every picture was laid on white, drawn at ${imageSize} x ${imageSize} pixels and saved as JPEG; words were \
selected and
arranged as the titles, texts, tags and categories of short videos.

The Twemoji frames are under CC-BY 4.0 (<https://creativecommons.org/licenses/by/4.0/>): name the source when you \
pass them on.
The OpenMoji frames are under CC-BY-SA 4.0 (<https://creativecommons.org/licenses/by-sa/4.0/>): also pass changed \
pictures on
under the same licence. The Fluent frames are under the MIT licence, copyright Microsoft Corporation.
${SOURCE_PACKAGES.map(licenceText).join('')}`;
}

function licenceText(name: SourcePackage): string {
  const { text } = LICENCES[name];
  const path = text === undefined ? undefined : join(packageFolder(name), text);
  if (path === undefined || !existsSync(path)) return '';
  return `\n## ${name}\n\n\`\`\`\n${readFileSync(path, 'utf8').trim()}\n\`\`\`\n`;
}
