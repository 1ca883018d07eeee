import { describe, expect, it } from 'vitest';
import { exactDigits, JsonTooLarge, readJson, writeJson } from './read-json.ts';

describe('readJson', () => {
  it.each([
    '{}',
    '[1, -2.5e3, "a\\"b\\\\", null, true, {"x": []}]',
    '"\\\\"',
    '9007199254740991',
    '[0.30000000000000004, 123456789012345.25, 1e21]',
    '{"a": "9007199254740993 [[[["}',
  ])('reads %s as the engine does', (text) => {
    expect(readJson(text)).toEqual(JSON.parse(text));
  });

  it('keeps every digit of a whole number beyond 2^53', () => {
    const text = '{"id":9007199254740993,"ids":[-18446744073709551615,9007199254740992]}';

    expect(readJson(text)).toEqual({
      id: '9007199254740993',
      ids: ['-18446744073709551615', '9007199254740992'],
    });
    expect(readJson('{"max":18446744073709551615}', { integers: 'number' })).toEqual({ max: 2 ** 64 });
  });

  it('writes back the digits that it read', () => {
    const text = '{"seed":18446744073709551615,"words":"{\\"$integer\\":\\"9007199254740993\\"}"}';

    expect(writeJson(readJson(text, { integers: 'exact' }))).toBe(text);
  });

  it('reads what Python writes for no number as null, when it may', () => {
    const text = '[NaN, -Infinity, Infinity, "NaN", {"is_changed": [NaN]}]';

    expect(readJson(text, { isLenient: true })).toEqual([null, null, null, 'NaN', { is_changed: [null] }]);
    expect(() => readJson(text)).toThrow(SyntaxError);
  });

  it('reads a text with a byte order mark', () => {
    expect(readJson('\ufeff{"a":1}')).toEqual({ a: 1 });
  });

  it.each(['{', '[1,', '"a', '-', '1.2.3', '9007199254740993x', 'NaN'])('refuses %s', (text) => {
    expect(() => readJson(text)).toThrow(SyntaxError);
  });

  it.each([
    ['lists', '['.repeat(7_000_000)],
    ['objects', '{"a":'.repeat(2_000_000)],
    ['closed lists', `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`],
    ['values', `[${'0,'.repeat(4_000_000)}0]`],
  ])('refuses too many %s before the engine sees them, in a moment', (_what, text) => {
    const begun = process.threadCpuUsage();

    expect(() => readJson(text)).toThrow(JsonTooLarge);
    expect(process.threadCpuUsage(begun).user).toBeLessThan(2_000_000);
  });

  it('takes linear time for a text of nothing but escapes', () => {
    const text = JSON.stringify('\\"'.repeat(500_000));
    const begun = process.threadCpuUsage();

    expect(readJson(text)).toHaveLength(1_000_000);
    expect(process.threadCpuUsage(begun).user).toBeLessThan(2_000_000);
  });
});

it.each([
  ['9007199254740993', '9007199254740993'],
  [' 18446744073709551615 ', '18446744073709551615'],
  ['-9007199254740993', '-9007199254740993'],
  ['0000000000000000007', undefined],
  ['9007199254740991', undefined],
  ['1.5', undefined],
  ['9007199254740993n', undefined],
])('exactDigits(%j) is %j', (text, digits) => {
  expect(exactDigits(text)).toBe(digits);
});
