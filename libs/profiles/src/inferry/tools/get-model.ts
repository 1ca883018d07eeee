import {
  defineTool,
  getModel,
  type ModelInput,
  type ModelSummary,
  modelSections,
  text,
} from '@inferry/contracts';
import { z } from 'zod';
import { readOnly } from '../../annotations.ts';

export const getModelTool = defineTool({
  name: 'get_model',
  title: 'Get model',
  description:
    'Describe one model: inputs, outputs, price, examples. Call before the first run_model of a model you have not used. Default sections: summary, inputs, pricing. Ask for schema only when you need exact types, examples to copy working inputs without spending credits.',
  annotations: readOnly,
  operation: getModel,
  input: getModel.input
    .omit({ brief: true })
    .extend({ sections: z.array(z.enum(modelSections)).max(20).optional().describe('Sections to return') }),
  output: getModel.reply.omit({ native_schema: true, ids: true }),
  present({ model, inputs, truncated, readme, template, pricing, next_action: next, ...rest }) {
    const lines = model === undefined ? [] : summaryLines(model);
    for (const input of inputs ?? []) lines.push(inputLine(input));
    if (pricing !== undefined) lines.push(...priceLines(pricing, model?.price));
    for (const [section, value] of Object.entries(rest)) {
      if (value !== undefined) lines.push(`${section}: ${JSON.stringify(value)}`);
    }
    if (template !== undefined) lines.push(`template: ${template}`);
    if (readme !== undefined) lines.push(readme);
    if (next !== undefined) lines.push(`Next: ${next}`);
    else if (truncated !== undefined && truncated.length > 0)
      lines.push(
        `Truncated: ${truncated.join(', ')}. More: the same sections with offset raised by max_chars.`,
      );
    return [text(lines.join('\n'))];
  },
});

function summaryLines({ model, title, summary, price, live, connected }: ModelSummary): string[] {
  const lines = [title === undefined ? model : `${title} (${model}): ${summary ?? ''}`];
  if (connected === false) lines.push('Not connected: its provider needs a key.');
  else if (live === false) lines.push('Not live: it cannot be run now.');
  if (price !== undefined) lines.push(`Price: ${price}`);
  return lines;
}

function inputLine(input: ModelInput): string {
  const marks = [
    input.type,
    input.required ? 'required' : undefined,
    input.is_file ? 'file URL or asset id' : undefined,
  ];
  const allowed = input.allowed === undefined ? '' : ` One of: ${input.allowed.map(plain).join(', ')}.`;
  const fallback = input.default === undefined ? '' : ` Default ${JSON.stringify(input.default)}.`;
  return `- ${input.name} (${marks.filter(Boolean).join(', ')}): ${input.description ?? ''}${allowed}${fallback}`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What the line of the price does not say already. */
function priceLines(pricing: Readonly<Record<string, unknown>>, told: string | undefined): string[] {
  const { overview, currency, basis, amount, configurations, ...rest } = pricing;
  const lines = overview === undefined || overview === told ? [] : [`Price: ${plain(overview)}`];
  if (typeof amount === 'number' && amount > 0)
    lines.push(`Price basis: ${amount} ${plain(currency)} ${plain(basis)}.`);
  else if (basis === 'unknown') lines.push('Price basis: unknown; run_model with max_cost refuses it.');
  if (configurations !== undefined) lines.push(`Priced configurations: ${JSON.stringify(configurations)}`);
  if (Object.keys(rest).length > 0) lines.push(`pricing: ${JSON.stringify(rest)}`);
  return lines;
}
