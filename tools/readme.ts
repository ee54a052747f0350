import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface SnippetRun {
  /** Line of the README on which the block's code starts, 1-based. */
  line: number;
  /** What the snippet printed with console.log, one entry per call. */
  logged: string[];
}

export interface RunSnippetsOptions {
  /** Files (name -> contents) a snippet expects in its working folder. */
  files?: Record<string, string | Uint8Array>;
}

interface Snippet {
  line: number;
  code: string;
}

/** The ```ts blocks of a Markdown text, in order. */
export function extractSnippets(markdown: string): Snippet[] {
  return [...markdown.matchAll(/^```ts\r?\n([\s\S]*?)^```/gm)].map((match) => ({
    line: markdown.slice(0, match.index).split('\n').length + 1,
    code: match[1],
  }));
}

/**
 * Runs every ```ts block of a package's README from source, each as a module of its own, inside vitest. The blocks
 * share one empty temporary working folder, so a later one may read what an earlier one wrote.
 *
 * @param packageFolder the package's folder, for example `resolve(import.meta.dirname, '..')`
 * @throws when the README has no ```ts block, or when a block throws: the error names the README's line
 */
export async function runSnippets(packageFolder: string, options: RunSnippetsOptions = {}): Promise<SnippetRun[]> {
  const folder = resolve(packageFolder);
  const readme = join(folder, 'README.md');
  const snippets = extractSnippets(await readFile(readme, 'utf8'));
  if (snippets.length === 0) throw new Error(`${readme}: expected at least one \`\`\`ts block, got none`);
  const scratch = await mkdtemp(join(tmpdir(), `${basename(folder)}-readme-`));
  const before = process.cwd();
  try {
    for (const [name, contents] of Object.entries(options.files ?? {})) {
      await mkdir(dirname(join(scratch, name)), { recursive: true });
      await writeFile(join(scratch, name), contents);
    }
    process.chdir(scratch); // vitest.workspace.ts uses forks: a worker thread could not change its folder
    const runs: SnippetRun[] = [];
    for (const snippet of snippets) runs.push(await runSnippet(folder, readme, snippet));
    return runs;
  } finally {
    process.chdir(before);
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The module has to lie inside the package: that is where its imports resolve as a reader's would. */
async function runSnippet(folder: string, readme: string, { line, code }: Snippet): Promise<SnippetRun> {
  const file = join(folder, 'test', `.readme-${process.pid}-${line}.ts`);
  const logged: string[] = [];
  const log = console.log;
  await writeFile(file, `${code}\nexport {};\n`);
  console.log = (...values: unknown[]) => void logged.push(values.map(print).join(' '));
  try {
    await import(/* @vite-ignore */ pathToFileURL(file).href);
    return { line, logged };
  } catch (cause) {
    throw new Error(`${readme}:${line}: the snippet failed: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  } finally {
    console.log = log;
    await rm(file, { force: true });
  }
}

function print(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}
