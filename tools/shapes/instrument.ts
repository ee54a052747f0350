import { join, relative } from 'node:path';
import ts from 'typescript';
import type { Plugin } from 'vite';
import { shapeComments, type ShapeComment } from './comments.js';

const ROOT = join(import.meta.dirname, '..', '..');
const RECORDER = join(import.meta.dirname, 'recorder.ts');

export function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(relative(ROOT, path), text, ts.ScriptTarget.Latest, true);
}

/** Checks the shape comments of the packages' sources while their code runs; see {@link instrument}. */
export function checkingShapes(): Plugin {
  return {
    name: 'wbdc-shapes',
    enforce: 'pre',
    transform: (code, id) => (/\/packages\/[^/]+\/src\/.*\.ts$/.test(id) ? { code: instrument(id, code) } : undefined),
  };
}

/**
 * A TypeScript source in which every value with a shape comment passes through the recorder's `check`, on the same
 * lines as before. The values of one call of a function share a scope: a letter means one size in it, and in the
 * functions written inside.
 */
export function instrument(path: string, text: string): string {
  const source = parse(path, text);
  const comments = shapeComments(source);
  if (comments.length === 0) return text;
  const scopes = new Scopes(comments);
  const edits = comments.flatMap((comment) => checkEdits(source, comment, scopes));
  const header = `import { check as __check, newScope as __newScope } from ${JSON.stringify(RECORDER)};`;
  return header + apply(text, [...edits, ...scopes.declarations()]);
}

interface Edit {
  readonly position: number;
  readonly text: string;
}

/** Wraps the expression of a comment. */
function checkEdits(source: ts.SourceFile, comment: ShapeComment, scopes: Scopes): Edit[] {
  const { expression, line, spec, properties } = comment;
  const facts = [`${source.fileName}:${line}`, spec, properties].map((fact) => JSON.stringify(fact)).join(', ');
  return [
    { position: expression.getStart(source), text: `__check(${scopes.of(expression)}, ${facts}, ` },
    { position: expression.end, text: ')' },
  ];
}

function apply(text: string, edits: readonly Edit[]): string {
  const ordered = edits.toSorted((a, b) => a.position - b.position);
  let [result, from] = ['', 0];
  for (const { position, text: added } of ordered) {
    result += text.slice(from, position) + added;
    from = position;
  }
  return result + text.slice(from);
}

/** The functions whose body has shape comments, and the variables that hold their scopes. */
class Scopes {
  readonly #names = new Map<ts.Node, string>();

  constructor(comments: readonly ShapeComment[]) {
    for (const { expression } of comments) {
      const body = isResult(expression) ? undefined : bodyAround(expression);
      if (body && !this.#names.has(body)) this.#names.set(body, `__scope${this.#names.size}`);
    }
  }

  /** The scope of an expression, as an expression. */
  of(node: ts.Node): string {
    if (isResult(node)) return this.#child(node.parent);
    const body = bodyAround(node);
    return body ? this.#names.get(body)! : '__newScope()';
  }

  /** Begins every body with a scope of its own. */
  declarations(): Edit[] {
    return [...this.#names].map(([body, name]) => {
      return { position: body.getStart() + 1, text: ` const ${name} = ${this.#child(body.parent)};` };
    });
  }

  /** A scope within that of the next function around it that has one. */
  #child(node: ts.Node): string {
    for (let body = bodyAround(node); body; body = bodyAround(body.parent)) {
      const name = this.#names.get(body);
      if (name !== undefined) return `__newScope(${name})`;
    }
    return '__newScope()';
  }
}

/** Whether an expression is all that an arrow function does. */
function isResult(node: ts.Node): boolean {
  return ts.isArrowFunction(node.parent) && node.parent.body === node;
}

/** The block of the innermost function around a node, leaving out arrow functions that are one expression. */
function bodyAround(node: ts.Node): ts.Block | undefined {
  for (let inner = node; inner.parent; inner = inner.parent) {
    if (ts.isBlock(inner) && ts.isFunctionLike(inner.parent) && inner !== node) return inner;
  }
  return undefined;
}
