import { describe, expect, it } from 'vitest';
import { toSpeakable } from './speakable.ts';

const said = (text: string) => toSpeakable(text).text.replaceAll(/\s+/g, ' ').trim();

describe('signs are said as the words that a reader would say', () => {
  it.each([
    ['It is \u22125 degrees.', 'It is minus 5 degrees.'],
    ['It is -5 degrees.', 'It is minus 5 degrees.'],
    ['x \u2260 y', 'x is not equal to y'],
    ['It costs \u00a35.', 'It costs 5 pounds.'],
    ['It costs 5 \u20ac.', 'It costs 5 euros .'],
    ['\u20ac1,234.50', '1,234.50 euros'],
    ['Add \u00bd cup.', 'Add one half cup.'],
    ['Add 1\u00bd cups.', 'Add 1 and one half cups.'],
    ['It is 25 \u00b0C.', 'It is 25 degrees Celsius.'],
    ['It is 25\u2103.', 'It is 25 degrees Celsius.'],
    ['3 \u00d7 4', '3 times 4'],
    ['10 m\u00b2', '10 m squared'],
    ['Hauptstra\u00dfe', 'Hauptstrasse'],
    ['S\u00f8ren of \u0141\u00f3d\u017a', 'Soren of Lodz'],
    ['caf\u00e9, cafe\u0301', 'cafe, cafe'],
    ['\u201cwell\u2011known\u201d \u2014 it\u2019s', '"well-known" , it\'s'],
    ['pages 3-5', 'pages 3-5'],
  ])('%s', (text, words) => {
    expect(toSpeakable(text).unsaid).toEqual([]);
    expect(said(text)).toBe(words);
  });
});

it.each([
  ['x \u2203 y', ['\u2203']],
  ['see \u4f60\u597d', ['\u4f60', '\u597d']],
  ['I \ud83d\ude00 it', ['\ud83d\ude00']],
  ['\u20bf5', ['\u20bf']],
])('what cannot be said in %s is named', (text, unsaid) => {
  expect(toSpeakable(text).unsaid).toEqual(unsaid);
});
