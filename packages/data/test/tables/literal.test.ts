import { describe, expect, it } from 'vitest';
import { parseLiteral } from '../../src/tables/literal.js';

describe('a list in a cell', () => {
  it.each([
    ["['猫', '宠物']", ['猫', '宠物']],
    ['["猫", "宠物"]', ['猫', '宠物']],
    ['[]', []],
    ['{}', {}],
    ['()', []],
    ["('猫',)", ['猫']],
    ["{'猫', '狗'}", ['猫', '狗']],
    [`['it\\'s', "say \\"hi\\"", 'a\\\\b', '\\u732b\\x21', 'a\\qb']`, ["it's", 'say "hi"', 'a\\b', '猫!', 'a\\qb']],
    ["['a' 'b'\n 'c']", ['a', 'b', 'c']],
    ["array(['a', 'b'], dtype=object)", ['a', 'b']],
    ["[array(['a'], dtype='<U1'), array([])]", [['a'], []]],
    [
      "[{'time': 1.5, 'text': '好吃'}, {'time': -2e1, 'text': None}]",
      [
        { time: 1.5, text: '好吃' },
        { time: -20, text: null },
      ],
    ],
    [
      '[[1, true], [nan, False],]',
      [
        [1, true],
        [null, false],
      ],
    ],
  ])('is read as JSON and Python read it: %s', (text, value) => {
    expect(parseLiteral(text)).toEqual(value);
  });

  it.each([
    '',
    '猫',
    '[转载] 猫',
    '[猫]',
    "array(['a']",
    "array(['a'], dtype=f(x))",
    '(完)',
    '[1',
    "['a'",
    "['a\\",
    '[a, b]',
    '{1: 2, 3}',
    '[1] [2]',
    "['\\U00ffffff']",
  ])('is none: %s', (text) => expect(parseLiteral(text)).toBeUndefined());

  it('is text where it is nested beyond use, and costs no stack', () => {
    expect(parseLiteral(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBeUndefined();
    expect(parseLiteral(`[${"'猫', ".repeat(100_000)}]`)).toHaveLength(100_000);
  });
});
