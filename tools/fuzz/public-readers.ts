import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** What a function is called that makes something of a stranger's bytes. */
const READER = /^(read|open|load|parse|decode|find|recover|verify|import|unzip|from)(?=[A-Z]|$)/;

/** The public functions that look like readers, as `package: name` or `package: Class.method`, sorted. */
export function publicReaders(root: string): string[] {
  const found = new Set<string>();
  for (const folder of readdirSync(join(root, 'packages'))) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')) as Manifest;
    for (const entry of Object.values(manifest.exports)) {
      if (typeof entry === 'string') continue;
      for (const source of sourcesOf(entry)) {
        for (const name of readersIn(join(root, 'packages', folder, source))) found.add(`${folder}: ${name}`);
      }
    }
  }
  return [...found].sort();
}

interface Manifest {
  readonly exports: Readonly<Record<string, string | Conditions>>;
}
type Conditions = { readonly [condition: string]: string | Conditions };

/** The sources of an entry, under whichever condition. */
function sourcesOf(conditions: Conditions): string[] {
  return Object.entries(conditions).flatMap(([name, value]) => {
    if (typeof value !== 'string') return sourcesOf(value);
    return name === '@wbdc/source' ? [value] : [];
  });
}

function readersIn(path: string): string[] {
  return [...exportsOf(path)].flatMap(([name, declaration]) => {
    if (declaration === undefined) return [];
    if (ts.isClassDeclaration(declaration)) return staticReaders(name, declaration);
    return READER.test(name) && isFunction(declaration) ? [name] : [];
  });
}

function staticReaders(name: string, declaration: ts.ClassDeclaration): string[] {
  return declaration.members.flatMap((member) => {
    const isStatic =
      ts.canHaveModifiers(member) && member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
    const method = member.name?.getText() ?? '';
    return isStatic && ts.isMethodDeclaration(member) && READER.test(method) ? [`${name}.${method}`] : [];
  });
}

function isFunction(declaration: ts.Declaration): boolean {
  if (ts.isFunctionDeclaration(declaration)) return true;
  const value = ts.isVariableDeclaration(declaration) ? declaration.initializer : undefined;
  return value !== undefined && (ts.isArrowFunction(value) || ts.isFunctionExpression(value));
}

const parsed = new Map<string, ts.SourceFile>();

function parse(path: string): ts.SourceFile {
  let file = parsed.get(path);
  if (file === undefined) {
    file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ESNext, true);
    parsed.set(path, file);
  }
  return file;
}

/** Values that a module exports, with where they are declared; undefined for those of another package. */
function exportsOf(path: string): Map<string, ts.Declaration | undefined> {
  const names = new Map<string, ts.Declaration | undefined>();
  for (const statement of parse(path).statements) {
    if (ts.isExportDeclaration(statement)) {
      if (statement.isTypeOnly) continue;
      const from = statement.moduleSpecifier as ts.StringLiteral | undefined;
      const origin = from === undefined ? undefined : exportsFrom(path, from.text);
      if (statement.exportClause === undefined)
        for (const [name, declaration] of origin ?? []) names.set(name, declaration);
      else if (ts.isNamedExports(statement.exportClause)) {
        for (const { name, propertyName, isTypeOnly } of statement.exportClause.elements) {
          if (!isTypeOnly) names.set(name.text, origin?.get((propertyName ?? name).text));
        }
      }
    } else if (isExported(statement)) {
      for (const declaration of declarationsOf(statement)) names.set(declaration.name!.getText(), declaration);
    }
  }
  return names;
}

/** A module of the same package; what comes from another is found there. */
function exportsFrom(path: string, specifier: string): Map<string, ts.Declaration | undefined> | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return exportsOf(join(dirname(path), specifier.replace(/\.js$/, '.ts')));
}

type Named = ts.FunctionDeclaration | ts.ClassDeclaration | ts.VariableDeclaration;

function declarationsOf(statement: ts.Statement): Named[] {
  if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) return [statement];
  return ts.isVariableStatement(statement) ? [...statement.declarationList.declarations] : [];
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}
