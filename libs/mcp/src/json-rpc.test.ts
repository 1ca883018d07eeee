import { describe, expect, it } from 'vitest';
import { parseJson } from './json-rpc.ts';

describe('whole numbers beyond 2^53 in a message', () => {
  it('are the text of their digits among the arguments of a tool', () => {
    const seeds = '9007199254740993,-18446744073709551615, 7,9007199254740991';

    expect(parseJson(`{"params":{"arguments":{"input":{"seeds":[${seeds}]}}}}`)).toEqual({
      params: {
        arguments: {
          input: { seeds: ['9007199254740993', '-18446744073709551615', 7, 9_007_199_254_740_991] },
        },
      },
    });
  });

  it('leave texts and fractions alone', () => {
    const text = '{"a":"9007199254740993","b":0.30000000000000004,"c":12345678901234567.5}';

    expect(parseJson(text)).toEqual(JSON.parse(text));
  });
});
