import type { JsonObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import { toPrice } from '../prices/price-text.ts';
import type { ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf, type Form } from '../schema/index.ts';
import { publicInputSchema } from './public-inputs.ts';
import { type PublicConfig, PublicMetadata } from './wire.ts';

const forms: Readonly<Record<string, Form>> = {
  image: 'image',
  video: 'video',
  audio: 'audio',
  language: 'text',
  text: 'text',
  '3d': '3d',
};

/** A public endpoint: called like any other, by its `aiApiId`. Undefined for ids that are none. */
export function toPublicModel(config: PublicConfig): ProviderModel | undefined {
  const { aiApiId: id, displayName, modelName, description, isLive } = config;
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(id)) return undefined;
  const { owner, source, tag, priceString } = readMetadata(config.metadata);
  const documented = publicInputSchema(id);
  const output = forms[source?.toLowerCase() ?? ''];
  const title = oneLine(displayName ?? modelName ?? '') || id;
  const capabilities = capabilitiesOf({
    text: [id, title, description, tag].join(' '),
    inputSchema: documented,
    output,
    known: output === 'text' ? ['op:chat'] : [],
  });
  return {
    nativeId: id,
    title,
    summary: oneLine(description ?? '') || title,
    kind: 'endpoint',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: oneLine(owner ?? 'runpod'),
    tags: [tag, source]
      .filter((word) => word !== undefined && word !== '')
      .map((word) => oneLine(String(word))),
    isFeatured: false,
    isLive: isLive !== false,
    weight: documented === undefined ? 0 : 1,
    inputSchema: documented ?? openSchema,
    outputSchema: outputSchemaOf(output),
    price: toPrice(priceString),
    examples: [],
    readme: readmeOf({ id, title, isDocumented: documented !== undefined }),
  };
}

/** Any object: what it takes stands in the platform's documentation only. */
const openSchema: JsonObject = {
  type: 'object',
  description:
    'The platform publishes no schema of this endpoint. Most take prompt, and image or images by link.',
};

function readMetadata(text: string | null | undefined): PublicMetadata {
  try {
    return PublicMetadata.catch({}).parse(JSON.parse(text ?? '{}'));
  } catch {
    // Text that is no JSON: nothing is known.
    return {};
  }
}

export function outputSchemaOf(output: Form | undefined): JsonObject {
  if (output === undefined || output === 'text') return { type: 'object' };
  const file = { type: 'string', format: 'uri', 'x-inferry-file': output };
  return { type: 'object', properties: { [output]: file } };
}

function readmeOf({ id, title, isDocumented }: { id: string; title: string; isDocumented: boolean }): string {
  const inputs = isDocumented
    ? 'Its inputs are those of its documentation; the endpoint itself decides.'
    : 'The platform publishes no schema of it: the playground of the Runpod console shows its inputs.';
  return `# ${title}\n\nA public endpoint of Runpod (\`${id}\`), paid by use. ${inputs} Media can be fetched for 7 days.\n`;
}

function oneLine(text: string): string {
  return cleanText(text, { maxLength: 240 });
}
