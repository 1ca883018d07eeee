import { comfyNodes } from './node-types.ts';

export type Graph = Readonly<Record<string, { class_type: string; inputs: Record<string, unknown> }>>;

interface NodeError {
  type: string;
  message: string;
  details: string;
  extra_info: Record<string, unknown>;
}

export interface Validation {
  outputs: string[];
  missing: string | undefined;
  nodeErrors: Record<string, { errors: NodeError[]; dependent_outputs: string[]; class_type: string }>;
}

/** As `validate_prompt` of the server: types exist, what is required is there, values are in their lists and ranges. */
export function validateGraph(graph: Graph, uploads: ReadonlySet<string>): Validation {
  const missing = Object.values(graph).find(
    ({ class_type: type }) => comfyNodes[type] === undefined,
  )?.class_type;
  const outputs = Object.keys(graph).filter(
    (id) => comfyNodes[graph[id]?.class_type ?? '']?.output_node === true,
  );
  const nodeErrors: Validation['nodeErrors'] = {};
  for (const [id, { class_type: type, inputs }] of Object.entries(graph)) {
    const errors = Object.entries(specsOf(type)).flatMap(([name, spec]) =>
      errorOf({ name, spec, value: inputs[name], graph, uploads }),
    );
    if (errors.length > 0) nodeErrors[id] = { errors, dependent_outputs: outputs, class_type: type };
  }
  return { outputs, missing, nodeErrors };
}

function specsOf(type: string): Record<string, [unknown, Record<string, unknown>?]> {
  // as: the table above has this shape.
  const input = comfyNodes[type]?.input as { required: Record<string, [unknown, Record<string, unknown>?]> };
  return input?.required ?? {};
}

function errorOf(check: {
  name: string;
  spec: [unknown, Record<string, unknown>?];
  value: unknown;
  graph: Graph;
  uploads: ReadonlySet<string>;
}): NodeError[] {
  const { name, spec, value, graph, uploads } = check;
  const [type, config = {}] = spec;
  const fail = (code: string, message: string): NodeError[] => [
    { type: code, message, details: name, extra_info: { input_name: name, received_value: value } },
  ];
  if (value === undefined) return fail('required_input_missing', 'Required input is missing');
  if (Array.isArray(value))
    return graph[String(value[0])] === undefined ? fail('bad_linked_input', 'Bad linked input') : [];
  const options = Array.isArray(type) ? type : type === 'COMBO' ? config.options : undefined;
  if (Array.isArray(options)) {
    const isThere = options.includes(value) || (config.image_upload === true && uploads.has(String(value)));
    return isThere ? [] : fail('value_not_in_list', 'Value not in list');
  }
  if (typeof value !== 'number') return [];
  if (Number(config.min) > value)
    return fail('value_smaller_than_min', `Value ${value} smaller than min of ${config.min}`);
  return Number(config.max) < value
    ? fail('value_bigger_than_max', `Value ${value} bigger than max of ${config.max}`)
    : [];
}
