import type { Graph, WorkflowFile } from './wire.ts';

/** One input of the model: which field of which node it sets. */
export interface MarkedInput {
  name: string;
  node: string;
  field: string;
  isRequired: boolean;
  title?: string | undefined;
  description?: string | undefined;
}

/** The field that a mark without a name of its own means, in this order. */
const mainFields = [
  'text',
  'prompt',
  'value',
  'string',
  'image',
  'audio',
  'video',
  'file',
  'noise_seed',
  'seed',
];

/**
 * The inputs that a workflow offers. They are marked in the titles of its nodes, which an export keeps: a title that begins
 * with `input:` lists names, each with a field of the node where the name is not the field's own, and with a star where a
 * caller has to give it: `input: prompt*`, `input: steps, strength=denoise`. The side file can add some.
 */
export function markedInputs({ graph, side }: Pick<WorkflowFile, 'graph' | 'side'>): MarkedInput[] {
  const inputs = new Map<string, MarkedInput>();
  for (const [node, { _meta: meta }] of Object.entries(graph)) {
    const [, list] = /^\s*input\s*:(.+)$/i.exec(meta?.title ?? '') ?? [];
    for (const input of list === undefined ? [] : readMarks(list, { graph, node })) {
      if (!inputs.has(input.name)) inputs.set(input.name, input);
    }
  }
  for (const [name, { node, field, title, description, required }] of Object.entries(side.inputs ?? {})) {
    if (!isLiteral(graph, node, field)) continue;
    inputs.set(name, { name, node, field, isRequired: required === true, title, description });
  }
  return [...inputs.values()];
}

function readMarks(list: string, { graph, node }: { graph: Graph; node: string }): MarkedInput[] {
  const marks = list
    .split(',')
    .map((mark) => /^\s*([a-zA-Z][\w-]{0,63})\s*(?:=\s*([\w.-]+)\s*)?(\*)?\s*$/.exec(mark));
  return marks.flatMap((mark) => {
    if (mark === null) return [];
    const [, name = '', named, star] = mark;
    const field = named ?? fieldOf(graph, { node, name, isOnly: marks.length === 1 });
    if (field === undefined || !isLiteral(graph, node, field)) return [];
    return [{ name, node, field, isRequired: star !== undefined }];
  });
}

/** The field of that name; for the only mark of a node also its main field, or the only one that is no link. */
function fieldOf(
  graph: Graph,
  { node, name, isOnly }: { node: string; name: string; isOnly: boolean },
): string | undefined {
  if (isLiteral(graph, node, name)) return name;
  if (!isOnly) return undefined;
  const literals = Object.keys(graph[node]?.inputs ?? {}).filter((field) => isLiteral(graph, node, field));
  return (
    mainFields.find((field) => literals.includes(field)) ?? (literals.length === 1 ? literals[0] : undefined)
  );
}

/** A link to another node is a list of its id and a number. */
function isLiteral(graph: Graph, node: string, field: string): boolean {
  const inputs = graph[node]?.inputs;
  return inputs !== undefined && Object.hasOwn(inputs, field) && !Array.isArray(inputs[field]);
}
