/** Rules of this repository that no plugin has. */

/** A long line is a line that nobody reads to its end; the formatter cannot break strings and comments. */
const lineLength = {
  meta: { type: 'layout', messages: { long: 'expected at most {{most}} characters, got {{length}}' }, schema: [] },
  create(context) {
    const most = 120;
    return {
      Program() {
        context.sourceCode.lines.forEach((line, i) => {
          const { length } = [...line];
          if (length <= most) return;
          const loc = { start: { line: i + 1, column: most }, end: { line: i + 1, column: line.length } };
          context.report({ loc, messageId: 'long', data: { most, length } });
        });
      },
    };
  },
};

/** The formatter is off for a drawn table or matrix alone, and the comment above it says so. */
const prettierIgnoreReason = {
  meta: {
    type: 'problem',
    messages: {
      reason: 'expected the reason in a comment right above: only a drawn table or matrix is left unformatted',
    },
    schema: [],
  },
  create(context) {
    return {
      Program() {
        const comments = context.sourceCode.getAllComments();
        comments.forEach((comment, i) => {
          if (comment.value.trim() !== 'prettier-ignore') return;
          const before = comments[i - 1];
          const reasoned = before !== undefined && before.loc.end.line === comment.loc.start.line - 1;
          if (!reasoned) context.report({ loc: comment.loc, messageId: 'reason' });
        });
      },
    };
  },
};

export default { rules: { 'line-length': lineLength, 'prettier-ignore-reason': prettierIgnoreReason } };
