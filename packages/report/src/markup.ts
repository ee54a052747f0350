/** HTML as it is written; any other text is escaped where {@link markup} takes it in. */
export class Html {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What stands in {@link markup}: text to be escaped, HTML, several of them one after another, or nothing. */
export type Content = string | number | Html | undefined | readonly Content[];

/** A piece of HTML: `markup` in front of a template, whose values are escaped unless they are HTML. */
export function markup(template: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(template.reduce((text, piece, i) => text + toText(values[i - 1]) + piece));
}

/** Text that is HTML already, such as an SVG or a style sheet. */
export function rawHtml(text: string): Html {
  return new Html(text);
}

function toText(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Html) return content.text;
  if (typeof content === 'object') return content.map(toText).join('');
  return escapeHtml(String(content));
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
