import { createHash } from 'node:crypto';
import type { ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf, schemaOfFields } from '../schema/index.ts';
import type { DescribedModel, Description } from './description.ts';

/** The models of a description as catalog entries. */
export function modelsOf(description: Description): { etag: string; models: ProviderModel[] } {
  const models = description.models.map((model) => toModel(model, description));
  const etag = createHash('sha256').update(JSON.stringify(models)).digest('base64url');
  return { etag, models };
}

function toModel(model: DescribedModel, { title: creator, homepage }: Description): ProviderModel {
  const inputSchema = schemaOfFields(
    model.fields.map(({ required, list, max_items: maxItems, ...field }) => ({
      ...field,
      isRequired: required,
      isList: list,
      maxItems,
    })),
  );
  const output = model.output === 'json' ? 'text' : model.output;
  const facts = { text: `${model.id} ${model.title} ${model.summary}`, inputSchema, output };
  const capabilities = capabilitiesOf({ ...facts, known: model.capabilities });
  const { currency = 'USD', basis = 'unknown', amount, expression } = model.price ?? {};
  const text = model.price?.text ?? expression ?? 'see the platform';
  const isFile = model.output !== 'text' && model.output !== 'json';
  return {
    nativeId: model.id,
    title: model.title,
    summary: model.summary,
    kind: 'model',
    categories: categoriesOf(capabilities),
    capabilities,
    creator,
    tags: [model.output],
    isFeatured: false,
    isLive: true,
    weight: 0,
    inputSchema,
    outputSchema: {
      type: 'object',
      properties: {
        output: isFile
          ? { type: 'string', format: 'uri', 'x-inferry-file': model.output }
          : { type: 'string' },
      },
    },
    price: {
      text,
      currency,
      basis,
      ...(amount === undefined ? {} : { amount }),
      ...(expression && { expression }),
    },
    examples: [],
    readme: `# ${model.title}\n\n${model.summary} See [${creator}](${homepage}).\n`,
  };
}
