import { WbdcError } from '@wbdc/io/errors';

/**
 * Patterns over names such as `bert.encoder.layer.3.output.dense.bias`. A pattern covers the whole name: `*` stands for
 * any characters within one part, `**` for any number of parts, `{a,b}` for one of several texts. So `bert.pooler.**`
 * is all of the pooler and `**.bias` every bias.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  return compile(pattern).test(name);
}

function compile(pattern: string): RegExp {
  let depth = 0;
  const source = pattern.replace(/\*\*\.|\*\*|\*|[{},]|[^*{},]+/g, (token) => {
    if (token === '**.') return '(?:.*\\.)?'; // so that `**.bias` also covers a name `bias`
    if (token === '**') return '.*';
    if (token === '*') return '[^.]*';
    if (token === '{') return (depth++, '(?:');
    if (token === '}') return (depth--, ')');
    if (token === ',' && depth > 0) return '|';
    return token.replace(/[.+?^$()|[\]\\]/g, '\\$&');
  });
  if (depth !== 0) throw new WbdcError(`pattern '${pattern}': expected as many '}' as '{'`);
  return new RegExp(`^${source}$`);
}
