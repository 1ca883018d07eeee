import { defineTool, estimateCost, problemLine, text } from '@inferry/contracts';
import { readOnly } from '../../annotations.ts';
import { money, moneyLeft } from '../../present-run.ts';

export const estimateCostTool = defineTool({
  name: 'estimate_cost',
  title: 'Estimate cost',
  description:
    'Quote a run before spending: price range, which inputs the quote could not see, and what is left of the balance and of your budget. Free.',
  annotations: readOnly,
  operation: estimateCost,
  present(quote) {
    const { exact, basis, balance, budget_left: budgetLeft, allowed, validation = [] } = quote;
    const lines = [
      `Estimated cost: ${priceRange(quote)} (${exact ? 'exact' : 'estimate'}, ${basis ?? 'unknown'}).`,
    ];
    if (quote.unpriced_inputs?.length) lines.push(`Not in the quote: ${quote.unpriced_inputs.join(', ')}.`);
    if (balance !== undefined) lines.push(`Balance: ${moneyLeft(quote, balance)}.`);
    if (budgetLeft !== undefined) lines.push(`Budget left: ${moneyLeft(quote, budgetLeft)}.`);
    if (validation.length > 0) lines.push('The input is not valid:');
    for (const problem of validation) lines.push(`- ${problemLine(problem)}`);
    if (quote.quote_id !== undefined) {
      lines.push(`quote_id="${quote.quote_id}" holds one run to this price until ${quote.quote_expires_at}.`);
    }
    if (quote.refusal !== undefined) lines.push(quote.refusal);
    if (allowed !== undefined)
      lines.push(allowed ? 'run_model would accept it now.' : 'run_model would refuse it now.');
    return [text(lines.join('\n'))];
  },
});

function priceRange(quote: {
  currency?: string | undefined;
  min?: number | undefined;
  max?: number | undefined;
}): string {
  const { min, max } = quote;
  // That it costs at least nothing says nothing.
  if (max === undefined)
    return min === undefined || min === 0 ? 'price unknown' : `${money(quote, min)} or more`;
  return min === undefined || min === max
    ? money(quote, max)
    : `${money(quote, min)} to ${money(quote, max)}`;
}
