import { AppError, type JsonObject } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { compileTemplate, maxTemplateBytes } from './template.ts';

function render(source: string, values: JsonObject = {}): string {
  return compileTemplate(source).render(values);
}

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError && error.code === 'validation_failed') return error.message;
    throw error;
  }
  return 'accepted';
}

const context = {
  maps: { mood: { noir: 'high-contrast black and white', warm: 'golden-hour warmth' } },
  constants: { negative: 'blurry, lowres' },
};

describe('a template', () => {
  it('puts the fields of the input, maps and constants into its text', () => {
    const text = render('{{subject}}, {{lookup maps.mood mood}}. Avoid: {{constants.negative}}.', {
      ...context,
      subject: 'a fox',
      mood: 'noir',
    });

    expect(text).toBe('a fox, high-contrast black and white. Avoid: blurry, lowres.');
  });

  it.each([
    ['{{missing}}|{{a.b.c}}|{{lookup maps.none "x"}}', '||'],
    ['{{quoted}}|{{{quoted}}}|{{&quoted}}', '"<b>" & \'c\'|"<b>" & \'c\'|"<b>" & \'c\''],
    ['{{no}} {{zero}} {{nothing}}.', 'false 0 .'],
    ['{{list}}; {{object}}; {{list.[1]}}', 'a, b; {"x":1}; b'],
    ['{{#if (eq mood "noir")}}dark{{else if (eq mood "warm")}}light{{else}}plain{{/if}}', 'light'],
    ['{{#if (and subject (or no mood))}}yes{{/if}}{{#if (and subject no)}}no{{/if}}', 'yes'],
    ['{{#if (exists empty)}}a{{else}}b{{/if}}{{#if (exists zero)}}c{{/if}}{{#if none}}d{{/if}}', 'bc'],
    ['{{#if emptyList}}a{{^}}b{{/if}}', 'b'],
    ['A {{~subject~}} B {{!-- a note, {{not}} read --}}C', 'Aa foxB C'],
    ['{{[field name]}} {{this.subject}} {{./mood}}', 'here a fox warm'],
    ['{{#if subject}}\nline\n{{/if}}\nend', 'line\nend'],
    ['{{eq mood "warm"}} \\{{escaped}}', 'true {{escaped}}'],
  ])('%s', (source, expected) => {
    const values = {
      ...context,
      subject: 'a fox',
      mood: 'warm',
      quoted: '"<b>" & \'c\'',
      no: false,
      zero: 0,
      nothing: null,
      empty: '',
      emptyList: [],
      list: ['a', 'b'],
      object: { x: 1 },
      'field name': 'here',
    };

    expect(render(source, values)).toBe(expected);
  });

  it('tells what it reads', () => {
    const { reads, context: used } = compileTemplate(
      '{{a}}{{#if (eq b.c "x")}}{{lookup maps.m d}}{{else}}{{constants.k}}{{/if}}{{!e}}',
    );

    expect([...reads].sort()).toEqual(['a', 'b', 'd']);
    expect([...used].sort()).toEqual(['constants.k', 'maps.m']);
  });

  it.each([
    ['{{> shared}}', 'partial'],
    ['{{#> layout}}x{{/layout}}', 'partial'],
    ['{{> (lookup maps "x")}}', 'partial'],
    ['{{#*inline "x"}}a{{/inline}}', 'decorator'],
    ['{{* dec}}', 'decorator'],
    ['{{{{raw}}}}a{{{{/raw}}}}', 'raw block'],
    ['{{{{if}}}}a{{{{/if}}}}', 'raw block'],
    ['{{#each list}}a{{/each}}', 'block each'],
    ['{{#with a}}a{{/with}}', 'block with'],
    ['{{^a}}b{{/a}}', 'block a'],
    ['{{#if a as |b|}}c{{/if}}', 'block parameters'],
    ['{{#if a includeZero=true}}c{{/if}}', 'named arguments'],
    ['{{log "x"}}', 'calls log'],
    ['{{toString x}}', 'calls toString'],
    ['{{constructor "return 1"}}', 'calls constructor'],
    ['{{"text" a}}', 'calls'],
    ['{{lookup a}}', 'calls lookup with 1'],
    ['{{../a}} ', 'reads ../a'],
    ['{{@root.a}}', 'reads @root'],
    ['{{this}}', 'reads this'],
    ['{{#if a}}', 'cannot be read'],
    ['{{a', 'cannot be read'],
    ['{{#if a}}b{{/with}}', 'cannot be read'],
  ])('is refused: %s', (source, reason) => {
    expect(refusalOf(() => compileTemplate(source))).toContain(reason);
  });

  it('reaches nothing but what its input has of its own', () => {
    const values = { s: 'text', o: { x: 1 }, l: [1, 2], maps: {}, constants: {} };
    const names = [
      'constructor',
      '__proto__',
      'prototype',
      'toString',
      'hasOwnProperty',
      'valueOf',
      'length',
    ];
    const sources = names.flatMap((name) => [
      `{{${name}}}`,
      `{{s.${name}}}`,
      `{{o.${name}}}`,
      `{{l.${name}}}`,
      `{{lookup o "${name}"}}`,
      `{{lookup (lookup o "${name}") "constructor"}}`,
      `{{o.${name}.constructor.name}}`,
    ]);

    expect(sources.map((source) => render(source, values)).join('')).toBe('');
  });

  it('shows a field that is called as something of a prototype when the input has it', () => {
    const values: JsonObject = JSON.parse('{"__proto__":"a","constructor":"b"}');

    expect(render('{{__proto__}}{{constructor}}', values)).toBe('ab');
  });
});

describe('the bounds of a template', () => {
  const fill = (piece: string, end = '') =>
    piece.repeat(Math.floor((maxTemplateBytes - end.length) / piece.length)) + end;

  it.each([
    ['too large', 'a'.repeat(maxTemplateBytes + 1)],
    ['too large in bytes', 'é'.repeat(maxTemplateBytes / 2 + 1)],
    ['tags', fill('{{a}}')],
    ['open tags', fill('{{')],
    ['open comments', fill('{{!--')],
    ['open blocks', fill('{{#if a}}')],
    ['nested blocks', '{{#if a}}'.repeat(90) + '{{/if}}'.repeat(90)],
    ['blocks closed for the counter alone', '\\{{/if}}{{#if a}}'.repeat(200) + '{{/if}}'.repeat(200)],
    ['nested calls', `{{#if ${'(and a '.repeat(1_000)}b${')'.repeat(1_000)}}}c{{/if}}`],
    ['calls within braces within quotes', `{{and "}}" ${'(and a '.repeat(5_000)}b${')'.repeat(5_000)}}}`],
    ['else branches', `{{#if a}}${'b{{else if c}}'.repeat(400)}{{/if}}`],
    ['words', `{{and ${'a '.repeat(20_000)}}}`],
    ['parts of a path', `{{${'a.'.repeat(10_000)}b}}`],
    ['named parts of a path', `{{${'[a].'.repeat(10_000)}b}}`],
    ['steps up', `{{${'../'.repeat(10_000)}b}}`],
    ['quotes', `{{and ${'"'.repeat(40_000)}}}`],
    ['open brackets', `{{and ${'['.repeat(45_000)}}}`],
    ['escaped quotes', `{{and "${'\\\\"'.repeat(15_000)}}}`],
  ])('refuse %s before they cost anything', (_name, source) => {
    expect(refusalOf(() => compileTemplate(source))).not.toBe('accepted');
  });

  it('take 50 KB of text with hundreds of tags', () => {
    const source = fill(`{{#if (exists a)}}${'word '.repeat(100)}{{a}}{{/if}}`);

    expect(render(source, { a: 'x' }).length).toBeGreaterThan(40_000);
  });

  it('stop an output that would grow past a megabyte', () => {
    const template = compileTemplate('{{a}}'.repeat(500));

    expect(refusalOf(() => template.render({ a: 'x'.repeat(900_000) }))).toContain('more than 1 MB');
    expect(refusalOf(() => template.render({ a: 'é'.repeat(400_000) }))).toContain('more than 1 MB');
    expect(template.render({ a: 'x'.repeat(2_000) })).toHaveLength(1_000_000);
  });

  it('stop an evaluation that compares more than it may', () => {
    const [one, other] = ['x', 'y'].map((end) => 'x'.repeat(480_000) + end);
    const many = compileTemplate('{{#if (or (eq a b) (eq b a))}}c{{/if}}'.repeat(99));

    expect(many.render({ a: 'x', b: 'y' })).toBe('');
    expect(refusalOf(() => many.render({ a: one, b: other }))).toContain('too many steps');
  });
});
