import { expect, it } from 'vitest';
import { markdownTable, markup, rawHtml, renderPage, tableSection } from '../src/index.js';

it('text is escaped, HTML is not, and nothing is nothing', () => {
  const items = ['<a>', `"b" & 'c'`].map((text) => markup`<li>${text}</li>`);
  expect(markup`<ul>${items}</ul>${undefined}${3}${rawHtml('<br>')}`.text).toBe(
    '<ul><li>&#60;a&#62;</li><li>&#34;b&#34; &#38; &#39;c&#39;</li></ul>3<br>',
  );
});

it('a page escapes whatever it is given and stands alone', () => {
  const evil = '<img src=x onerror=alert(1)>';
  const body = [tableSection({ title: evil, note: evil, head: [evil], rows: [[evil, evil]] })];
  const page = renderPage({ title: evil, lead: evil, facts: [[evil, evil]], body, footer: evil });
  expect(page).not.toContain('<img');
  expect(page.match(/&#60;img/g)).toHaveLength(11);
  expect(page).not.toMatch(/<script|<link|src="|@import|https?:/);
});

it('a table in Markdown has its numbers at the right', () => {
  expect(markdownTable({ head: ['job', 'score'], rows: [['a', '0.5']] })).toBe(
    '| job | score |\n| --- | --: |\n| a | 0.5 |\n',
  );
});
