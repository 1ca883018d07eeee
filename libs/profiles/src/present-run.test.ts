import { plainWords, type Run } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { estimateCostTool } from './inferry/tools/estimate-cost.ts';
import { runModelTool } from './inferry/tools/run-model.ts';
import { money, presentRun } from './present-run.ts';

const told = { args: undefined, words: plainWords };

function textOf(blocks: readonly { type: string }[]): string {
  return blocks.map((block) => ('text' in block ? block.text : '')).join('\n');
}

describe('money as text', () => {
  it.each([
    [0, 'free'],
    [0.07, '$0.07'],
    [0.5, '$0.50'],
    [0.112, '$0.112'],
    [5e-7, '$0.0000005'],
    [1234.5, '$1234.50'],
    [-5, '-$5.00'],
  ])('says %s as %s', (amount, text) => {
    expect(money(undefined, amount)).toBe(text);
  });

  it('never calls nothing left free', () => {
    const text = textOf(
      estimateCostTool.present({ currency: 'USD', max: 0.1, budget_left: 0, balance: 0 }, told),
    );

    expect(text).toContain('Budget left: nothing.');
    expect(text).toContain('Balance: nothing.');
    expect(text).not.toContain('free');
  });

  it('says that a price is not known where all that is known is that it is not below nothing', () => {
    expect(textOf(estimateCostTool.present({ currency: 'USD', min: 0 }, told))).toContain('price unknown');
    expect(textOf(runModelTool.present({ quote: { currency: 'USD' } }, told))).toContain(
      'not known before the run',
    );
  });

  it('tells the whole quote of a dry run', () => {
    const quote = { currency: 'EUR', min: 1, max: 2, exact: false, unpriced_inputs: ['quality'] };

    expect(textOf(runModelTool.present({ quote }, told))).toContain('at most 2.00 EUR. Not in it: quality.');
  });

  it.each<[Run['cost'], string]>([
    [{ currency: 'USD', charged: 0.07 }, 'Cost: $0.07.'],
    [{ currency: 'USD', unknown: true }, 'Cost: unknown.'],
    [{ currency: 'USD', unknown: true, assumed: 1 }, 'Cost: unknown, counted as $1.00.'],
    [{ currency: 'USD', assumed: 0.5 }, 'Cost: not told, at most $0.50.'],
  ])('of a run that cost %j says %s', (cost, text) => {
    expect(textOf(presentRun({ run_id: 'run_1', status: 'succeeded', cost }))).toContain(text);
  });
});
