import { isObject } from '@inferry/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BodySplitter, type SplitProblem } from './body-splitter.ts';

interface Split {
  file: Buffer;
  rest: string;
  problem: SplitProblem | undefined;
  splitter: BodySplitter;
}

const roomy = { maxRestBytes: 1_000_000, maxFileBytes: 1_000_000, maxDepth: 64 };

/** Feeds a body in pieces of the given sizes, over and over. */
function split(body: string, sizes: readonly number[] = [body.length + 1], limits = roomy): Split {
  const bytes = Buffer.from(body);
  const splitter = new BodySplitter(limits);
  const file: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length && splitter.problem === undefined; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    file.push(Buffer.from(splitter.write(bytes.subarray(at, at + size))));
    at += size;
  }
  const rest = splitter.rest().toString();
  return { file: Buffer.concat(file), rest, problem: splitter.problem, splitter };
}

/** What the upload service makes of the same value when it gets it whole. */
function decode(value: string): Buffer | undefined {
  const uri = /^data:([^,;]{0,200})((?:;[^,;]{0,200}){0,8}),/i.exec(value);
  if (uri !== null && !/;base64$/i.test(uri[2] ?? '')) return undefined;
  const encoded = value.slice(uri?.[0].length ?? 0).replace(/[ \t\n\r\f\v]+/g, '');
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(encoded) && encoded.replace(/=+$/, '').length % 4 !== 1;
  return isBase64 ? Buffer.from(encoded, 'base64') : undefined;
}

function fileOf(body: unknown): unknown {
  const params = isObject(body) ? body.params : undefined;
  const args = isObject(params) ? params.arguments : undefined;
  return isObject(args) ? args.base64 : undefined;
}

/** A JSON text of a value with some of its characters as escapes, as writers in other languages do. */
function writeJson(value: unknown, escapeEvery: number): string {
  let count = 0;
  const respell = (character: string) => {
    count += 1;
    if (character.length > 1 || escapeEvery === 0 || count % escapeEvery !== 0) return character;
    return character === '/' ? '\\/' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  };
  return JSON.stringify(value).replace(
    /"((?:[^"\\]|\\.)*)"/g,
    (_whole, text: string) => `"${text.replace(/\\u....|\\.|[A-Za-z0-9+/]/g, respell)}"`,
  );
}

const base64 = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  fc.uint8Array({ maxLength: 300 }).map((bytes) =>
    Buffer.from(bytes)
      .toString('base64')
      .replace(/(.{19})/g, '$1\r\n'),
  ),
  fc.uint8Array({ maxLength: 90 }).map((b) => `data:image/png;base64,${Buffer.from(b).toString('base64')}`),
  fc.uint8Array({ maxLength: 90 }).map((b) => `data:;x=1,${Buffer.from(b).toString('base64')}`),
  fc.string({ unit: fc.constantFrom('A', 'b', '=', ' ', '/', '-', '\n', 'd', 'data:', ',', 'é', '"', '\\') }),
  fc.constantFrom(
    'data',
    'dat',
    'data:',
    'DATA:text/csv;base64,YQ==',
    '',
    '=',
    'a',
    'a=b',
    'YQ===',
    'Y Q = =',
  ),
);
/** Calls with their parts in any order, more of the same names at other places, and other shapes. */
const call = fc
  .record({
    value: fc.oneof({ weight: 6, arbitrary: base64 }, { weight: 1, arbitrary: fc.jsonValue() }),
    extra: fc.dictionary(
      fc.constantFrom('base64', 'arguments', 'x.y', 'é', 'name', '"', '\\'),
      fc.jsonValue(),
    ),
    order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
    inner: fc.boolean(),
    file: fc.boolean(),
  })
  .map(({ value, extra, order, inner, file }) => {
    const args = inner ? { ...extra, base64: value } : { base64: value, file_name: 'a', nested: extra };
    const params = file ? { arguments: args, name: 'upload_file' } : { name: 'upload_file', arguments: args };
    const parts: [string, unknown][] = [
      ['id', 1],
      ['method', 'tools/call'],
      ['params', params],
      ['other', [extra, { params }]],
    ];
    return Object.fromEntries(order.map((index) => parts[index] ?? ['x', 0]));
  });

describe('a body in pieces of any size', () => {
  test('is split as JSON.parse reads it', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 37 }), { minLength: 1, maxLength: 5 });
    const property = fc.property(call, fc.integer({ min: 0, max: 5 }), sizes, (body, escapeEvery, pieces) => {
      const text = writeJson(body, escapeEvery);
      const value = fileOf(JSON.parse(text));

      const { file, rest, problem } = split(text, pieces);

      if (typeof value !== 'string') {
        expect(problem).toBeUndefined();
        expect(rest).toBe(text);
        return;
      }
      const expected = decode(value);
      expect(problem === undefined).toBe(expected !== undefined);
      if (expected === undefined) return;
      expect(file.equals(expected)).toBe(true);
      const without = JSON.parse(text);
      without.params.arguments.base64 = '';
      expect(JSON.parse(rest)).toEqual(without);
    });
    fc.assert(property, { numRuns: 1_500 });
  });

  test('never makes JSON of what is none, and never throws', () => {
    const text = fc.tuple(call, fc.nat(), fc.string({ maxLength: 3 })).map(([body, at, junk]) => {
      const whole = JSON.stringify(body);
      const cut = at % whole.length;
      return whole.slice(0, cut) + junk + whole.slice(cut + (at % 3));
    });
    const property = fc.property(text, fc.integer({ min: 1, max: 50 }), (body, size) => {
      const { rest, problem, splitter } = split(body, [size]);
      const isAccepted = problem === undefined && !splitter.isInFile && parses(rest);

      // A string that is not base64 is refused although it is JSON; nothing is accepted that is no JSON.
      if (isAccepted) expect(parses(body)).toBe(true);
    });
    fc.assert(property, { numRuns: 1_500 });
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const upload = (args: string) =>
  `{"method":"tools/call","params":{"name":"upload_file","arguments":${args}},"id":1}`;

describe('a body', () => {
  test('tells what the call is before its file has ended', () => {
    const { splitter } = split(upload('{"base64":"QUJD').slice(0, -7));

    expect(splitter).toMatchObject({ method: 'tools/call', toolName: 'upload_file', isInFile: true });
  });

  test('tells the type of a data URI', () => {
    const { splitter, file } = split(upload('{"base64":"data:image\\/png;base64,QUJD"}'));

    expect(splitter.contentType).toBe('image/png');
    expect(file.toString()).toBe('ABC');
  });

  test.each<[SplitProblem, string]>([
    ['duplicate_key', upload('{"base64":"QUJD","base64":"QUJD"}')],
    ['duplicate_key', upload('{"base64":"QUJD","b\\u0061se64":"QUJD"}')],
    ['duplicate_key', '{"method":"a","method":"b"}'],
    ['duplicate_key', '{"params":{"arguments":{}},"params":{"arguments":{"base64":"QUJD"}}}'],
    ['too_deep', `${'['.repeat(65)}`],
    ['bad_string', upload('{"base64":"QU\nJD"}')],
    ['bad_string', upload('{"base64":"QU\\xJD"}')],
    ['bad_string', upload('{"base64":"\\u00zz"}')],
    ['not_base64', upload('{"base64":"QU?D"}')],
    ['not_base64', upload('{"base64":""}')],
    ['not_a_data_uri', upload('{"base64":"data:text/plain,QUJD"}')],
    ['not_a_data_uri', upload(`{"base64":"data:${'x'.repeat(3_000)}"}`)],
  ])('has the problem %s at once: %j', (problem, body) => {
    expect(split(body).problem).toBe(problem);
  });

  test('has a problem at the byte that is one too many', () => {
    const limits = { ...roomy, maxFileBytes: 300 };
    const fits = split(upload(`{"base64":"${'QUJD'.repeat(100)}"}`), [7], limits);
    const tooLarge = split(upload(`{"base64":"${'QUJD'.repeat(101)}"}`), [7], limits);

    expect(fits.problem).toBeUndefined();
    expect(tooLarge.problem).toBe('file_too_large');
  });

  test('has a problem when everything but the file is too large', () => {
    const limits = { ...roomy, maxRestBytes: 300 };

    expect(split(upload(`{"file_name":"${'x'.repeat(300)}"}`), [7], limits).problem).toBe('rest_too_large');
    expect(split(upload(`{"base64":"${'QUJD'.repeat(300)}"}`), [7], limits).problem).toBeUndefined();
  });

  test.each([
    ['nested in an object', upload('{"x":{"base64":"?"}}')],
    ['nested in an array', '{"params":{"arguments":[{"base64":"?"}]}}'],
    ['of a batch', `[${upload('{"base64":"?"}')}]`],
    ['beside the arguments', '{"params":{"base64":"?"},"base64":"?"}'],
    ['spelled with dots', '{"params.arguments":{"base64":"?"},"params.arguments.base64":"?"}'],
  ])('leaves a base64 alone that is %s', (_case, body) => {
    const { rest, problem } = split(body);

    expect(problem).toBeUndefined();
    expect(rest).toBe(body);
  });
});

describe('a reader that reads on past a file that is too large', () => {
  const limits = { ...roomy, maxFileBytes: 100, readsOn: true };

  test('has the whole call without the file, however the body is cut and written [MR-57]', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 101, max: 900 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 5 }),
        (size, sizes, escapeEvery) => {
          const call = (base64: string) => ({
            method: 'tools/call',
            params: { name: 'upload_file', arguments: { base64, fileName: 'a"b' } },
            jsonrpc: '2.0',
            id: 7,
          });
          const body = writeJson(call(Buffer.alloc(size, 'x').toString('base64')), escapeEvery);

          const { splitter, rest, problem } = split(body, sizes, limits);

          expect(problem).toBeUndefined();
          expect(splitter.isTooLarge).toBe(true);
          expect(splitter.isInFile).toBe(false);
          expect(JSON.parse(rest)).toEqual(call(''));
        },
      ),
    );
  });

  test('takes a file of exactly the most as any other', () => {
    const base64 = Buffer.alloc(100, 'x').toString('base64');
    const { file, splitter } = split(JSON.stringify({ params: { arguments: { base64 } } }), [7], limits);

    expect(file).toHaveLength(100);
    expect(splitter.isTooLarge).toBe(false);
  });
});
