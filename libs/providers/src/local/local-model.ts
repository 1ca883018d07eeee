import type { JsonObject } from '@inferry/contracts';
import { z } from 'zod';
import type { ProviderModel } from '../provider.ts';
import type { WorkerFamily } from './worker-files.ts';

/** A model of the local provider: its catalog entry and how to run it. */
export interface LocalModel {
  entry: ProviderModel;
  family: WorkerFamily;
  /** The one definition of the input: the entry's schema is derived from it. */
  input: z.ZodObject;
  fileFields: readonly string[];
}

export interface LocalModelDefinition {
  nativeId: string;
  title: string;
  summary: string;
  family: WorkerFamily;
  categories: string[];
  capabilities: string[];
  creator: string;
  tags: string[];
  isFeatured?: boolean;
  weight: number;
  input: z.ZodObject;
  output: z.ZodObject;
  examples: { title: string; input: JsonObject; output: JsonObject; capability: string }[];
  /** Markdown below the heading. */
  readme: string;
}

export const currency = 'USD';

export function defineLocalModel(definition: LocalModelDefinition): LocalModel {
  const { family, input, output, examples, readme, ...facts } = definition;
  const inputSchema = toModelSchema(input, 'input');
  return {
    family,
    input,
    fileFields: Object.keys(input.shape).filter((name) => isFileField(input, name)),
    entry: {
      isFeatured: false,
      ...facts,
      kind: 'model',
      isLive: true,
      inputSchema,
      outputSchema: toModelSchema(output, 'output'),
      price: { text: 'free', currency, basis: 'per_request', amount: 0 },
      examples: examples.map((example) => ({ ...example, cost: 0 })),
      readme: `# ${facts.title}\n\n${readme.trim()}\n`,
    },
  };
}

const fileKeyword = 'x-inferry-file';

/** A field that takes or holds the URL of a file. */
export function fileField(medium: 'image' | 'audio' | 'video', description: string): z.ZodString {
  return z.string().meta({ description, format: 'uri', [fileKeyword]: medium });
}

function isFileField(schema: z.ZodObject, name: string): boolean {
  const field = schema.shape[name];
  return field instanceof z.ZodType && field.meta()?.[fileKeyword] !== undefined;
}

/** Without the two keywords that clients and model APIs refuse; the schemas here use no combinators. */
function toModelSchema(schema: z.ZodObject, io: 'input' | 'output'): JsonObject {
  const { $schema, additionalProperties, ...kept } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties;
    },
  });
  return kept;
}
