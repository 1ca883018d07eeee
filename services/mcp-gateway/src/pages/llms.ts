/** What agents read about a mount without connecting to it: `llms.txt`, `llms-full.txt`, and a text for each model (RF-07). */
import {
  type AnyTool,
  callOf,
  hint,
  inWords,
  type ModelInput,
  type ModelSummary,
  runModel,
} from '@inferry/contracts';
import { displayText } from '@inferry/pages';
import type { PublicModel } from './public-models.ts';
import type { Site } from './site.ts';

/** What a `llms.txt` links to; the rest is found by searching. */
const maxLinked = 300;
const maxText = 300_000;

export interface SiteText {
  site: Site;
  tools: readonly AnyTool[];
  others: readonly Site[];
  models: { items: readonly ModelSummary[]; isWhole: boolean };
}

const accessTexts = {
  none: 'No credential is needed.',
  key: 'Each request carries a key of this server: `Authorization: Bearer <key>`.',
  'sign-in':
    'Clients sign in by OAuth 2.1 with PKCE and register themselves; the metadata (RFC 9728) says where.',
} as const;

export function llmsText({ site, tools, others, models }: SiteText): string {
  const shown = models.items.slice(0, maxLinked);
  const isAll = models.isWhole && shown.length === models.items.length;
  return toText([
    ...headOf(site),
    ...(tools.length === 0 ? ['Its tools are told to whoever may come in.'] : ['## Tools']),
    tools.map(({ name, description }) => `- \`${name}\`: ${lineOf(description, 300)}`).join('\n'),
    `Their schemas: [llms-full.txt](${site.home}/llms-full.txt)`,
    ...(shown.length === 0 ? [] : ['## Models', shown.map((model) => linkOf(site, model)).join('\n')]),
    ...(isAll ? [] : ['There are more: search for them with the tools.']),
    ...(others.length === 0 ? [] : ['## Other servers here', others.map(otherOf).join('\n')]),
  ]);
}

export function llmsFullText({ site, tools, models }: SiteText): string {
  return toText([
    ...headOf(site),
    ...(site.isProduct || site.access === 'none' ? [site.offer.profile.instructions(site.title)] : []),
    ...(tools.length === 0 ? [] : ['## Tools']),
    ...tools.flatMap(({ name, title, description, inputSchema, annotations }) => [
      `### ${name}`,
      [title, annotations.readOnlyHint ? 'changes nothing' : undefined].filter(Boolean).join('; '),
      description,
      jsonOf(inputSchema),
    ]),
    ...(models.items.length === 0
      ? []
      : ['## Models', models.items.map((model) => linkOf(site, model)).join('\n')]),
  ]);
}

export function modelText(site: Site, found: PublicModel): string {
  const { model, inputs = [], schema, output_schema: output, pricing, examples = [], readme } = found;
  if (model === undefined) return '';
  const { words } = site.offer.profile;
  const [first] = examples;
  const input = first?.input ?? Object.fromEntries(inputs.filter(({ required }) => required).map(exampleOf));
  return toText([
    `# ${lineOf(model.title ?? model.model, 200)}`,
    ...(model.summary === undefined ? [] : [`> ${lineOf(model.summary, 500)}`]),
    [
      `- Model: \`${words.model(model.model)}\``,
      `- Kind: ${[model.kind, model.category].filter(Boolean).join(', ')}`,
      ...((model.capabilities ?? []).length === 0
        ? []
        : [`- Capabilities: ${model.capabilities?.join(', ')}`]),
      ...(model.price === undefined ? [] : [`- Price: ${lineOf(model.price, 200)}`]),
      `- MCP server: ${site.url}`,
    ].join('\n'),
    '## Run it',
    inWords(hint`Call ${callOf(runModel, { model: model.model })} with this input:`, words) ||
      'The input of an example:',
    jsonOf(input),
    ...(inputs.length === 0 ? [] : ['## Inputs', inputs.map(inputLine).join('\n')]),
    ...(schema === undefined ? [] : ['## JSON Schema of the input', jsonOf(schema)]),
    ...(output === undefined ? [] : ['## JSON Schema of the output', jsonOf(output)]),
    ...(pricing === undefined ? [] : ['## Pricing', jsonOf(pricing)]),
    ...(readme === undefined || readme === '' ? [] : ['## About', inWords(readme, words)]),
  ]);
}

/** Where the text of a model is. */
function addressOf({ home, offer }: Site, id: string): string {
  const path = offer.profile.words.model(id).split('/').map(encodeURIComponent).join('/');
  return `${home}/models/${path}/llms.txt`;
}

function headOf(site: Site): string[] {
  const { title, url, home, base, access } = site;
  return [
    `# ${lineOf(title, 100)}`,
    `> An MCP server for AI inference: its tools find models, run them, wait for them and say what they cost.`,
    `It is reached at ${url} over Streamable HTTP. ${accessTexts[access]}`,
    [
      `- [How each client is connected](${home === base ? `${home}/` : home})`,
      `- [Server card](${url}/server-card)`,
      ...(access === 'sign-in'
        ? [
            `- [Authorization metadata](${base}/.well-known/oauth-protected-resource${new URL(url).pathname.slice(new URL(base).pathname.replace(/\/$/, '').length)})`,
          ]
        : []),
    ].join('\n'),
  ];
}

function linkOf(site: Site, { model, title, summary, category }: ModelSummary): string {
  const name = site.offer.profile.words.model(model);
  const said = [category, summary].filter(Boolean).join('; ');
  const shown = lineOf(title ?? name, 120).replace(/[[\]]/g, '');
  return `- [${shown}](${addressOf(site, model)}): \`${lineOf(name, 300)}\`${said === '' ? '' : `, ${lineOf(said, 300)}`}`;
}

function otherOf({ title, home }: Site): string {
  return `- [${lineOf(title, 100).replace(/[[\]]/g, '')}](${home}/llms.txt)`;
}

function inputLine({
  name,
  type,
  required,
  default: usual,
  description,
  allowed,
  is_file: isFile,
}: ModelInput): string {
  const facts = [
    type,
    required === true ? 'required' : undefined,
    isFile === true ? 'a file by its URL' : undefined,
    usual === undefined ? undefined : `default ${lineOf(JSON.stringify(usual), 100)}`,
    allowed === undefined
      ? undefined
      : `one of ${lineOf(allowed.map((value) => JSON.stringify(value)).join(', '), 300)}`,
  ].filter((fact) => fact !== undefined && fact !== '');
  return `- \`${name}\` (${facts.join('; ')})${description === undefined ? '' : `: ${lineOf(description, 500)}`}`;
}

function exampleOf({ name = '', type, default: usual, is_file: isFile }: ModelInput): [string, unknown] {
  return [name, usual ?? (isFile === true ? 'https://example.com/input' : `<${type ?? 'value'}>`)];
}

/** Of what others wrote: one line, nothing invisible. */
function lineOf(text: string, limit: number): string {
  return displayText(text, limit);
}

function jsonOf(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, undefined, 2)}\n\`\`\``;
}

function toText(blocks: readonly string[]): string {
  const text = `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
  return text.length > maxText ? `${text.slice(0, maxText)}\n…\n` : text;
}
