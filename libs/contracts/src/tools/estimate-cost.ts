import { z } from 'zod';
import { problemLine, text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { currency, jsonObject, ValidationProblem } from '../shapes/basics.ts';
import { readOnly } from './annotations.ts';
import { money, moneyLeft } from './present.ts';

export const estimateCost = defineTool({
  name: 'estimate_cost',
  title: 'Estimate cost',
  description:
    'Quote a run before spending: price range, which inputs the quote could not see, and what is left of the balance and of your budget. Free.',
  toolset: 'discover',
  scope: 'models:read',
  annotations: readOnly,
  input: z.object({
    model: z.string().min(1).max(300).describe('Model id'),
    input: jsonObject.optional().describe('The input you would run'),
    count: z.int().min(1).max(1_000).optional().describe('How many such runs'),
  }),
  output: z.object({
    currency: currency.optional(),
    min: z.number().optional().describe('Low'),
    max: z.number().optional().describe('High'),
    exact: z.boolean().optional().describe('True when the price is fixed for this input'),
    unpriced_inputs: z.array(z.string()).optional().describe('Inputs the quote ignored'),
    basis: z.string().optional().describe('per_image, per_second, per_request, per_hour, unknown'),
    balance: z.number().optional().describe('Provider balance if known'),
    budget_left: z.number().optional().describe('Left of the caller budget'),
    allowed: z.boolean().optional().describe('Would run_model accept it now'),
    refusal: z.string().optional().describe('Why not, and what to do'),
    validation: z.array(ValidationProblem).optional().describe('Input problems'),
    error: ErrorEnvelope.optional(),
  }),
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
