/** A profile as an operator writes it, in YAML or JSON: read whole, and every fault told with its line. */
import { createRequire } from 'node:module';
import { basename, extname } from 'node:path';
import { inferry, profileOf } from '@inferry/profiles';
import type { Document, LineCounter } from 'yaml';
import { z } from 'zod';

/** Loaded with the first file: few have one. */
const loadYaml = (): typeof import('yaml') => createRequire(import.meta.url)('yaml');

const toolName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'is 1 to 64 letters, digits, _ and -');
const text = z.string().trim().min(1).max(4_000);
const anything = z.record(z.string(), z.unknown());
/** What every tool can have of its own. */
const look = {
  title: z.string().trim().min(1).max(100).optional(),
  description: text.optional(),
  /** Values that a call has unless its caller gives others. */
  defaults: anything.optional(),
  /** Values that every call has: callers neither see nor change them. */
  fixed: anything.optional(),
  /** Arguments that callers do not have. */
  hide: z.array(z.string()).optional(),
};
const CanonicalTool = z.strictObject({ name: toolName.optional(), ...look }).nullable();
const PinnedModel = z.strictObject({
  model: z.string().min(1).max(300),
  max_cost: z.number().min(0).optional(),
  /** Callers may name a run, so that a retry is the same run: by `client_ref`, or by another name. */
  client_ref: z.union([z.boolean(), toolName]).optional(),
  ...look,
});
const ProfileSpec = z.strictObject({
  title: z.string().trim().min(1).max(100),
  instructions: z.string().trim().min(1).max(20_000).optional(),
  limits: z
    .strictObject({
      providers: z.array(z.string().min(1)).min(1).optional(),
      models: z.array(z.string().min(1)).min(1).optional(),
      max_cost: z.number().min(0).optional(),
      readonly: z.boolean().optional(),
    })
    .optional(),
  tools: z.record(z.string(), CanonicalTool).optional(),
  models: z.record(toolName, PinnedModel).optional(),
});

export type ProfileSpec = z.infer<typeof ProfileSpec>;
export type ToolLook = Pick<
  z.infer<typeof PinnedModel>,
  'title' | 'description' | 'defaults' | 'fixed' | 'hide'
>;
export type PinnedModel = z.infer<typeof PinnedModel>;
export type Limits = NonNullable<ProfileSpec['limits']>;

export interface ReadFile {
  /** The last part of its mount: the name of the file without its ending. */
  key: string;
  /** Undefined where it cannot be used. */
  spec: ProfileSpec | undefined;
  /** Each with file and line. */
  problems: readonly string[];
  /** The line of a part of it. */
  lineOf(path: readonly PropertyKey[]): number;
}

interface Fault {
  path: readonly PropertyKey[];
  message: string;
}

export const profileEndings: readonly string[] = ['.yaml', '.yml', '.json'];

export function readProfileFile(file: string, content: string): ReadFile {
  const key = basename(file, extname(file));
  const yaml = loadYaml();
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(content, { lineCounter: lines });
  const lineOf = (path: readonly PropertyKey[]) => lineIn(document, lines, path);
  const at = (line: number, message: string) => `${basename(file)}:${line}: ${message}`;
  const broken = document.errors.map(({ pos, message }) =>
    at(
      lines.linePos(pos[0]).line,
      message.split('\n', 1)[0]?.replace(/ at line .*$/, '') ?? 'cannot be read',
    ),
  );
  if (broken.length > 0) return { key, spec: undefined, problems: broken, lineOf };
  const parsed = ProfileSpec.safeParse(document.toJS());
  const faults = [
    ...keyFaults(key),
    ...(parsed.success ? specFaults(parsed.data) : parsed.error.issues.flatMap(toFaults)),
  ];
  return {
    key,
    spec: faults.length === 0 ? parsed.data : undefined,
    problems: faults.map(({ path, message }) => at(lineOf(path), message)),
    lineOf,
  };
}

/** The line of the key of a part; of what is nearest to it where there is no such part. */
function lineIn(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    const next = stepInto(node, step);
    if (next === undefined) break;
    offset = next.offset ?? offset;
    node = next.node;
  }
  return lines.linePos(offset).line || 1;
}

function stepInto(
  node: unknown,
  step: PropertyKey,
): { node: unknown; offset: number | undefined } | undefined {
  const { isMap, isNode, isScalar, isSeq } = loadYaml();
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return isNode(item) ? { node: item, offset: item.range?.[0] } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
  return pair === undefined
    ? undefined
    : { node: pair.value, offset: isScalar(pair.key) ? pair.key.range?.[0] : undefined };
}

function keyFaults(key: string): Fault[] {
  const isTaken = profileOf(key) !== undefined;
  if (isTaken)
    return [{ path: [], message: `/mcp/${key} is a profile of the product: name the file otherwise` }];
  return /^(?!x$)[a-z][a-z0-9-]{0,39}$/.test(key)
    ? []
    : [{ path: [], message: `"${key}" is no name of a mount: small letters, digits and -, at most 40` }];
}

function toFaults(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code !== 'unrecognized_keys')
    return [{ path: issue.path, message: `${issue.path.join('.')}: ${issue.message}` }];
  return issue.keys.map((name) => ({
    path: [...issue.path, name],
    message: `${[...issue.path, name].join('.')} is not known${suggest(name, namesAt(issue.path))}`,
  }));
}

function namesAt(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(ProfileSpec.shape);
  if (path[0] === 'limits') return ['providers', 'models', 'max_cost', 'readonly'];
  return path[0] === 'models' ? Object.keys(PinnedModel.shape) : ['name', ...Object.keys(look)];
}

/** What cannot be seen field by field. */
function* specFaults({ tools = {}, models = {}, limits = {} }: ProfileSpec): Generator<Fault> {
  if (Object.keys(tools).length + Object.keys(models).length === 0)
    yield { path: [], message: 'has neither tools nor models' };
  const taken = new Set(Object.keys(models));
  for (const [name, look] of Object.entries(tools)) {
    const path = ['tools', name];
    const shown = look?.name ?? name;
    if (taken.has(shown)) yield { path, message: `${shown} is the name of two tools` };
    taken.add(shown);
    yield* toolFaults(name, look ?? {}, limits);
  }
  for (const [name, { model }] of Object.entries(models)) {
    const path = ['models', name];
    if (name === 'upload_file') yield { path, message: `${name} is the name of another tool` };
    if (limits.readonly === true)
      yield { path, message: `${name} runs a model, and limits.readonly is true` };
    if (!isWithin(model, limits))
      yield { path: [...path, 'model'], message: `${model} is not within limits` };
  }
}

function* toolFaults(
  name: string,
  look: ToolLook & { name?: string | undefined },
  limits: Limits,
): Generator<Fault> {
  const path = ['tools', name];
  const tool = inferry.tools.find((one) => one.name === name);
  if (tool === undefined) {
    const known = inferry.tools.map((one) => one.name);
    yield { path, message: `there is no tool ${name}${suggest(name, known)}` };
    return;
  }
  if (name === 'upload_file' && (look.name ?? name) !== name)
    yield {
      path: [...path, 'name'],
      message: `${name} keeps its name: files are taken out of its calls by it`,
    };
  if (limits.readonly === true && !tool.annotations.readOnlyHint)
    yield { path, message: `${name} writes, and limits.readonly is true` };
  if (!isHeld(name, limits))
    yield {
      path,
      message: `${name} cannot be held to limits.providers or limits.models: leave it out, or pin the models`,
    };
  const known = Object.keys(tool.input.shape);
  for (const { at, argument } of argumentsOf(look)) {
    if (!known.includes(argument))
      yield {
        path: [...path, ...at],
        message: `${name} has no argument ${argument}${suggest(argument, known)}; it has ${known.join(', ')}`,
      };
  }
}

/** The arguments that a file names, with where it does. */
function argumentsOf({
  defaults = {},
  fixed = {},
  hide = [],
}: ToolLook): { at: string[]; argument: string }[] {
  return [
    ...Object.keys(defaults).map((argument) => ({ at: ['defaults', argument], argument })),
    ...Object.keys(fixed).map((argument) => ({ at: ['fixed', argument], argument })),
    ...hide.map((argument) => ({ at: ['hide'], argument })),
  ];
}

export function isWithin(model: string, { providers, models }: Limits): boolean {
  return (
    (models === undefined || models.includes(model)) &&
    (providers === undefined || providers.some((slug) => model.startsWith(`${slug}/`)))
  );
}

/** Tools that say which model or platform they are about, and those that are about what the caller has already. */
const withModel = ['run_model', 'run_batch', 'estimate_cost', 'get_model'];
const ofCaller = [
  'get_run',
  'list_runs',
  'cancel_run',
  'get_batch',
  'cancel_batch',
  'create_upload',
  'upload_file',
  'view_output',
  'get_account',
];

function isHeld(name: string, { providers, models }: Limits): boolean {
  if (providers === undefined && models === undefined) return true;
  if (name === 'search_models') return models === undefined && providers?.length === 1;
  return withModel.includes(name) || ofCaller.includes(name);
}

/** `: did you mean …?`, where something is near. */
export function suggest(name: string, known: readonly string[]): string {
  const near = known
    .map((one) => ({ one, distance: distanceOf(name.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= Math.max(2, name.length / 3)
    ? `: did you mean ${near.one}?`
    : '';
}

/** Insertions, deletions and replacements between two short names. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
