import { z } from 'zod';
import { text } from '../content.ts';
import { defineTool } from '../contract.ts';
import { ErrorEnvelope } from '../errors.ts';
import { jsonObject } from '../shapes/basics.ts';
import { ModelInput, ModelSummary } from '../shapes/model.ts';
import { readOnly } from './annotations.ts';

export const modelSections = [
  'summary',
  'inputs',
  'schema',
  'output_schema',
  'pricing',
  'examples',
  'template',
  'mappings',
  'readme',
] as const;

export const getModel = defineTool({
  name: 'get_model',
  title: 'Get model',
  description:
    'Describe one model: inputs, outputs, price, examples. Call before the first run_model of a model you have not used. Default sections: summary, inputs, pricing. Ask for schema only when you need exact types, examples to copy working inputs without spending credits.',
  toolset: 'discover',
  scope: 'models:read',
  annotations: readOnly,
  input: z.object({
    model: z.string().min(1).max(300).describe('Model id from search_models'),
    sections: z.array(z.enum(modelSections)).max(20).optional().describe('Sections to return'),
    capability: z.string().max(100).optional().describe('Limit examples to one capability'),
    max_chars: z.int().min(500).max(60_000).optional().describe('Cap per section, default 6000'),
    offset: z.int().min(0).optional().describe('Continue a truncated section'),
  }),
  output: z.object({
    model: ModelSummary.optional(),
    inputs: z.array(ModelInput).optional().describe('Readable inputs'),
    schema: jsonObject.optional().describe('JSON Schema of the input'),
    output_schema: jsonObject.optional().describe('JSON Schema of the output'),
    pricing: jsonObject.optional().describe('Overview and priced configurations'),
    examples: z.array(jsonObject.describe('input, output, cost')).optional().describe('Examples'),
    template: z.string().optional().describe('Wrapper prompt template'),
    mappings: jsonObject.optional().describe('Wrapper field mappings'),
    readme: z.string().optional().describe('Model card, Markdown'),
    truncated: z.array(z.string()).optional().describe('Sections cut; use offset'),
    next_action: z.string().optional().describe('What to call for the rest'),
    error: ErrorEnvelope.optional(),
  }),
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
