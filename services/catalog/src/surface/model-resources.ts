import {
  AppError,
  callOf,
  hint,
  type OfferedTemplate,
  type Principal,
  type ResourceContents,
  runModel,
  unstorable,
} from '@inferry/contracts';
import type { CallerAccess } from '../caller-access.ts';
import type { CatalogDeps } from '../deps.ts';
import type { ModelDocument } from '../listed-models.ts';
import { isRunnable, resolveModel } from '../resolve-model.ts';
import { describeInputs } from '../sections/describe-inputs.ts';
import { toPortable } from '../sections/portable.ts';

export const modelPrefix = 'inferry://models/';

/** `{+model}`: the id has slashes (RFC 6570, section 3.2.3). */
export const modelTemplates: OfferedTemplate[] = [
  {
    uriTemplate: `${modelPrefix}{+model}/schema`,
    name: 'model_schema',
    title: 'Input schema of a model',
    description: hint`JSON Schema of what ${callOf(runModel)} takes for a model.`,
    mimeType: 'application/schema+json',
  },
  {
    uriTemplate: `${modelPrefix}{+model}/native-schema`,
    name: 'model_native_schema',
    title: 'Input schema of a model, as its platform wrote it',
    description:
      'JSON Schema with the platform\u2019s own fields and forms, to validate parameters before a run.',
    mimeType: 'application/schema+json',
  },
  {
    uriTemplate: `${modelPrefix}{+model}/card`,
    name: 'model_card',
    title: 'Model card',
    description: 'What a model does, its inputs, price and limits.',
    mimeType: 'text/markdown',
  },
];

const views = ['schema', 'native-schema', 'card'] as const;
type View = (typeof views)[number];

const mimeTypes: Record<View, string> = {
  schema: 'application/schema+json',
  'native-schema': 'application/schema+json',
  card: 'text/markdown',
};

const maxCardChars = 100_000;

function toModelUri(id: string, view: View): string {
  return `${modelPrefix}${id.split('/').map(encodeURIComponent).join('/')}/${view}`;
}

/** Everything that is a resource of a model. */
export function resourceUrisOf(id: string): string[] {
  return views.map((view) => toModelUri(id, view));
}

function parseModelUri(uri: string): { id: string; view: View } | undefined {
  const end = uri.lastIndexOf('/');
  const view = views.find((name) => name === uri.slice(end + 1));
  if (!uri.startsWith(modelPrefix) || view === undefined || end < modelPrefix.length) return undefined;
  try {
    const id = decodeURIComponent(uri.slice(modelPrefix.length, end));
    return unstorable(id) === undefined ? { id, view } : undefined;
  } catch {
    // A broken escape names no model.
    return undefined;
  }
}

/** A model's schema (RW-29) or card. Throws `resource_not_found`. */
export async function readModelResource(
  deps: CatalogDeps,
  uri: string,
  principal: Principal,
): Promise<ResourceContents> {
  const target = parseModelUri(uri);
  const document = target === undefined ? undefined : await findDocument(deps, target.id, principal);
  const access = await deps.accesses.of(principal);
  if (target === undefined || document === undefined || !access.isShown(document.provider)) {
    throw new AppError('resource_not_found', 'There is no such resource.');
  }
  const { view } = target;
  return { uri, mimeType: mimeTypes[view], text: writers[view](deps, document, access) };
}

const writers: Record<View, typeof writeCard> = {
  schema: (_deps, { model }) => JSON.stringify(toPortable(model.inputSchema), undefined, 2),
  'native-schema': (_deps, { model }) =>
    JSON.stringify(model.nativeSchema ?? toPortable(model.inputSchema), undefined, 2),
  card: writeCard,
};

async function findDocument(
  deps: CatalogDeps,
  id: string,
  principal: Principal,
): Promise<ModelDocument | undefined> {
  try {
    const document = await resolveModel(deps, id, principal);
    return document.isDeleted ? undefined : await deps.complete(document, principal);
  } catch (error) {
    const isUnknown =
      error instanceof AppError &&
      ['model_not_found', 'ambiguous_model', 'provider_not_connected'].includes(error.code);
    if (isUnknown) return undefined;
    throw error;
  }
}

function writeCard(deps: CatalogDeps, document: ModelDocument, access: CallerAccess): string {
  const { id, model } = document;
  const inputs = describeInputs(deps.validatorOf(document).plain).map((input) => {
    const facts = [
      input.type,
      input.required ? 'required' : undefined,
      input.default === undefined ? undefined : `default ${JSON.stringify(input.default)}`,
    ];
    const known = facts.filter((fact) => fact !== undefined && fact !== '').join(', ');
    return `- \`${input.name}\` (${known})${input.description === undefined ? '' : `: ${input.description}`}`;
  });
  const status = isRunnable(document, access) ? [] : ['It cannot be run now.'];
  const card = [
    `# ${model.title}`,
    `\`${id}\`, ${model.kind}: ${model.categories.join(', ')}`,
    ...status,
    model.summary,
    `Price: ${model.price.text}`,
    '## Inputs',
    inputs.join('\n'),
    '## About',
    model.readme,
  ].join('\n\n');
  return card.length > maxCardChars ? `${card.slice(0, maxCardChars)}…` : card;
}
