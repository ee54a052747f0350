import ts from 'typescript';

/** A shape at the end of a line of code, `const x = f(y); // [B, L, D]`, or on a line of its own above it. */
export interface ShapeComment {
  /** 1-based. */
  readonly line: number;
  /** `[B, L, D]`, or alternatives: `[B, D] or [B, 2 D]`. */
  readonly spec: string;
  /** Whose value has that shape. */
  readonly expression: ts.Expression;
  /** Where the value is an object taken apart, its properties that have that shape. */
  readonly properties: readonly string[];
}

const COMMENT = /^\/\/ (\[[^\]]*\](?: or \[[^\]]*\])*)/;

/**
 * The shape comments of a TypeScript source.
 *
 * @throws Error where one stands beside no expression: it could not be checked
 */
export function shapeComments(source: ts.SourceFile): ShapeComment[] {
  const found = new Map<number, ShapeComment>();
  const visit = (node: ts.Node): void => {
    const range = shapeComment(source.text, node);
    const target = range && !found.has(range.pos) ? targetOf(node) : undefined;
    if (range && target) {
      const spec = COMMENT.exec(source.text.slice(range.pos, range.end))![1];
      found.set(range.pos, { line: lineOf(source, range.pos), spec, ...target });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  const lost = lineComments(source).find(
    ({ pos, end }) => COMMENT.test(source.text.slice(pos, end)) && !found.has(pos),
  );
  if (lost) {
    const place = `${source.fileName}:${lineOf(source, lost.pos)}`;
    throw new Error(`${place}: expected an expression beside a shape comment, got none`);
  }
  return [...found.values()];
}

function lineOf(source: ts.SourceFile, position: number): number {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}

/** The shape comment that belongs to a node: behind it on its last line, or alone on the line before it. */
function shapeComment(text: string, node: ts.Node): ts.CommentRange | undefined {
  const end = text[node.end] === ',' ? node.end + 1 : node.end;
  const behind = ts.getTrailingCommentRanges(text, end) ?? [];
  const before = ts.isStatement(node) ? (ts.getLeadingCommentRanges(text, node.pos) ?? []) : [];
  return [...behind, ...before.slice(-1)].find(({ pos, end }) => COMMENT.test(text.slice(pos, end)));
}

type Target = Pick<ShapeComment, 'expression' | 'properties'>;

/** The expression that a comment on a node speaks of. */
function targetOf(node: ts.Node): Target | undefined {
  if (ts.isVariableStatement(node)) {
    const [{ name, initializer }] = node.declarationList.declarations;
    return initializer && { expression: resultOf(initializer), properties: propertiesOf(name) };
  }
  if (ts.isReturnStatement(node) || ts.isExpressionStatement(node)) return plain(node.expression);
  if (ts.isPropertyAssignment(node)) return plain(node.initializer);
  return ts.isExpression(node) && !ts.isPropertyAssignment(node.parent) ? plain(node) : undefined;
}

const plain = (expression: ts.Expression | undefined): Target | undefined =>
  expression && { expression: resultOf(expression), properties: [] };

/** Of a function that is one expression, that. */
function resultOf(expression: ts.Expression): ts.Expression {
  return ts.isArrowFunction(expression) && !ts.isBlock(expression.body) ? expression.body : expression;
}

function propertiesOf(name: ts.BindingName): string[] {
  if (!ts.isObjectBindingPattern(name)) return [];
  return name.elements.map((element) => (element.propertyName ?? element.name).getText());
}

/** All comments of a source, in front of its tokens or behind them. */
function lineComments(source: ts.SourceFile): ts.CommentRange[] {
  const around = (node: ts.Node): ts.CommentRange[] => {
    const children = node.getChildren(source);
    if (children.length > 0) return children.flatMap(around);
    const leading = ts.getLeadingCommentRanges(source.text, node.pos) ?? [];
    return [...leading, ...(ts.getTrailingCommentRanges(source.text, node.end) ?? [])];
  };
  return around(source);
}
