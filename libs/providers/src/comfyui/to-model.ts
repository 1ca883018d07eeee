import { isExactInteger, isObject, type JsonObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import type { ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf, type Form, type Medium } from '../schema/index.ts';
import { type MarkedInput, markedInputs } from './marked-inputs.ts';
import type { Graph, NodeTypes, WorkflowFile } from './wire.ts';

const maxChoices = 500;
const uploads: readonly [string, Medium][] = [
  ['image_upload', 'image'],
  ['audio_upload', 'audio'],
  ['video_upload', 'video'],
];

/** A workflow as a model: its marked inputs become a schema by what the server says of its nodes. */
export function toModel(workflow: WorkflowFile, types: NodeTypes): ProviderModel {
  const { name, graph, side } = workflow;
  const plainName = decodeURIComponent(name);
  const inputs = markedInputs(workflow);
  const problems = problemsOf(graph, types);
  const required = inputs.filter(({ isRequired }) => isRequired).map((input) => input.name);
  const inputSchema: JsonObject = {
    type: 'object',
    properties: Object.fromEntries(inputs.map((input) => [input.name, schemaOf(input, { graph, types })])),
    ...(required.length > 0 && { required }),
  };
  const title = side.title ?? titleOf(name);
  const capabilities = capabilitiesOf({
    text: [plainName, title, side.summary].join(' '),
    inputSchema,
    output: outputOf(graph),
    known: ['form:workflow'],
  });
  const summary = cleanText(side.summary ?? `The ComfyUI workflow ${plainName}.`);
  const fault =
    problems.length === 0 ? '' : `It cannot run on this server: ${problems.slice(0, 5).join('; ')}.`;
  return {
    nativeId: name,
    title,
    summary,
    kind: 'solution',
    categories: categoriesOf(capabilities),
    capabilities,
    creator: 'comfyui',
    tags: [],
    isFeatured: false,
    isLive: problems.length === 0,
    weight: 0,
    inputSchema,
    outputSchema: { type: 'object', properties: {} },
    price: { text: 'free: your own server', currency: 'USD', basis: 'per_request', amount: 0 },
    examples: [],
    readme: [summary, side.readme, fault].filter(Boolean).join('\n\n'),
  };
}

/** The type of one field of a node, as `/object_info` tells it. */
export function specOf(
  types: NodeTypes,
  classType: string,
  field: string,
): { type: unknown; config: JsonObject } {
  const { required, optional } = types[classType]?.input ?? {};
  const [type, config] = required?.[field] ?? optional?.[field] ?? [];
  return { type, config: isObject(config) ? config : {} };
}

/** The medium of a field that takes an uploaded file. */
export function mediumOfField(
  types: NodeTypes,
  graph: Graph,
  { node, field }: MarkedInput,
): Medium | undefined {
  const { config } = specOf(types, graph[node]?.class_type ?? '', field);
  return uploads.find(([flag]) => config[flag] === true)?.[1];
}

function schemaOf(input: MarkedInput, { graph, types }: { graph: Graph; types: NodeTypes }): JsonObject {
  const { node, field, title, description } = input;
  const value = graph[node]?.inputs[field];
  const { type, config } = specOf(types, graph[node]?.class_type ?? '', field);
  const about = defined({ title, description: description ?? config.tooltip });
  const medium = mediumOfField(types, graph, input);
  if (medium !== undefined) return { type: 'string', format: 'uri', 'x-inferry-file': medium, ...about };
  // A seed that nobody gives is another one each time: the server makes nothing twice.
  const preset = isSeed(field) || input.isRequired || isExactInteger(value) ? {} : { default: value };
  const choices = Array.isArray(type) ? type : type === 'COMBO' ? config.options : undefined;
  if (Array.isArray(choices) && choices.length > 0 && choices.length <= maxChoices) {
    return { type: typeOfChoices(choices), enum: choices, ...preset, ...about };
  }
  return { ...plainSchema(type, config, value), ...preset, ...about };
}

/** Choices are mostly words; some nodes list numbers or switches. */
function typeOfChoices(choices: readonly unknown[]): string | string[] {
  const types = [...new Set(choices.map((choice) => typeof choice))].filter((type) =>
    ['string', 'number', 'boolean'].includes(type),
  );
  return types.length === 1 ? (types[0] ?? 'string') : types;
}

function plainSchema(type: unknown, config: JsonObject, value: unknown): JsonObject {
  const safe = (bound: unknown) =>
    typeof bound === 'number' && Math.abs(bound) <= Number.MAX_SAFE_INTEGER ? bound : undefined;
  const bounds = { minimum: safe(config.min), maximum: safe(config.max) };
  if (type === 'INT') return defined({ type: 'integer', ...bounds });
  if (type === 'FLOAT') return defined({ type: 'number', ...bounds });
  if (type === 'BOOLEAN') return { type: 'boolean' };
  if (typeof value === 'number') return { type: 'number' };
  return typeof value === 'boolean' ? { type: 'boolean' } : { type: 'string' };
}

export function isSeed(field: string): boolean {
  return field === 'seed' || field === 'noise_seed';
}

/** What the server lacks for this workflow: nodes, and values such as names of checkpoints. */
function problemsOf(graph: Graph, types: NodeTypes): string[] {
  const problems = Object.values(graph).flatMap(({ class_type: name, inputs }) => {
    if (types[name] === undefined) return [`the node ${cleanText(name).slice(0, 80)} is not installed`];
    return Object.entries(inputs).flatMap(([field, value]) => {
      const { type, config } = specOf(types, name, field);
      const choices = Array.isArray(type) ? type : type === 'COMBO' ? config.options : undefined;
      // A file is uploaded with the run.
      const isFile = uploads.some(([flag]) => config[flag] === true);
      if (!Array.isArray(choices) || isFile || Array.isArray(value) || choices.includes(value)) return [];
      return [`${field} has no ${cleanText(String(value)).slice(0, 80)}`];
    });
  });
  return [...new Set(problems)];
}

function outputOf(graph: Graph): Form {
  const names = Object.values(graph).map(({ class_type: name }) => name);
  if (
    names.some(
      (name) => /video|webm|webp.*anim|animated|gif/i.test(name) && /save|combine|preview|create/i.test(name),
    )
  ) {
    return 'video';
  }
  if (names.some((name) => /save.*audio|preview.*audio/i.test(name))) return 'audio';
  if (names.some((name) => /save.*(glb|mesh|3d)|preview.*3d/i.test(name))) return '3d';
  return names.some((name) => /save.*image|preview.*image/i.test(name)) ? 'image' : 'text';
}

function titleOf(name: string): string {
  const last = decodeURIComponent(name.split('/').at(-1) ?? name);
  const words = last.replace(/[_-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function defined(schema: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
}
