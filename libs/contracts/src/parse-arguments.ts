import type { z } from 'zod';
import { coerce, isObject, isUnset, unstorable, withoutUnset } from './coerce.ts';
import type { Problem } from './content.ts';
import { AppError } from './errors.ts';
import type { JsonObject } from './portable-schema.ts';

/**
 * Tool arguments as the handler gets them: coerced, without what is not set, then checked strictly. Throws
 * `validation_failed` with the field, the problem and a hint for each fault, before anything else happens.
 */
export function parseArguments<I extends z.ZodObject>(
  tool: { name: string; input: I; inputSchema: JsonObject },
  raw: unknown,
): z.infer<I> {
  const value = withoutUnset(tool.inputSchema, coerce(tool.inputSchema, isUnset(raw) ? {} : (raw ?? {})));
  if (!isObject(value))
    throw validationFailed(tool.name, [{ path: '', message: 'arguments must be an object' }]);
  const bad = unstorable(value);
  if (bad !== undefined) throw validationFailed(tool.name, [{ ...bad, path: clip(bad.path) }]);
  const known = Object.keys(tool.input.shape);
  const unknown = isOpen(tool.input) ? [] : Object.keys(value).filter((name) => !known.includes(name));
  const parsed = tool.input.safeParse(value);
  const problems: Problem[] = unknown.slice(0, 16).map((name) => ({
    path: clip(name),
    message: 'unknown argument',
    hint: `known: ${known.join(', ')}`,
  }));
  if (!parsed.success) {
    problems.push(...problemsOf(parsed.error, { schema: tool.inputSchema, value }));
  }
  // as: safeParse returns the schema's output; the generic is lost through `error`.
  if (problems.length === 0) return parsed.data as z.infer<I>;
  throw validationFailed(tool.name, problems);
}

/** Whether a schema takes fields that it does not name. */
function isOpen({ def }: z.ZodObject): boolean {
  return def.catchall !== undefined && def.catchall._zod.def.type !== 'never';
}

export function validationFailed(subject: string, problems: readonly Problem[]): AppError {
  return new AppError('validation_failed', `${subject}: ${problems.length} problem(s) with the input.`, {
    nextAction: 'Correct the fields and call again. Nothing was run or charged.',
    details: { errors: problems },
  });
}

/** What is wrong with a value that its schema refused, in words that need no knowledge of the library that found it. */
export function problemsOf(
  { issues }: { issues: readonly z.core.$ZodIssue[] },
  { schema = {}, value }: { schema?: JsonObject; value: unknown },
): Problem[] {
  return issues.slice(0, 16).map((issue) => toProblem(issue, schema, value));
}

function toProblem(issue: z.core.$ZodIssue, schema: JsonObject, value: unknown): Problem {
  const path = clip(issue.path.map(String).join('.'));
  const about = describe(schema, issue.path);
  switch (issue.code) {
    case 'invalid_value':
      return {
        path,
        message: 'is not one of the allowed values',
        hint: issue.values.map(String).join(', '),
      };
    case 'invalid_type':
      return isMissing(value, issue.path)
        ? { path, message: 'is required', hint: about }
        : { path, message: `must be ${typeNames[issue.expected] ?? issue.expected}`, hint: about };
    case 'too_small':
    case 'too_big':
      return { path, ...boundOf(issue) };
    case 'invalid_format':
      return issue.format === 'datetime'
        ? { path, message: 'is not a time', hint: 'RFC 3339, e.g. 2026-11-01T00:00:00Z' }
        : { path, message: 'does not have the expected form', hint: about ?? issue.pattern };
    default:
      return { path, message: issue.message };
  }
}

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
};

/** Of text and lists, how long they may be; of numbers, how large. */
function boundOf(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): Omit<Problem, 'path'> {
  const isSmall = issue.code === 'too_small';
  const bound = isSmall ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === 'string') {
    if (isSmall && Number(issue.minimum) === 1) return { message: 'is empty' };
    return { message: isSmall ? 'is too short' : 'is too long', hint: `${bound} characters` };
  }
  if (issue.origin === 'array')
    return { message: isSmall ? 'has too few items' : 'has too many items', hint: bound };
  return { message: isSmall ? 'is too small' : 'is too large', hint: bound };
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let node = value;
  for (const name of path) {
    // as: the path leads through what was parsed.
    if (typeof node !== 'object' || node === null) return false;
    node = (node as Record<PropertyKey, unknown>)[name];
  }
  return node === undefined;
}

/** What the schema says of a field. */
function describe(schema: JsonObject, path: readonly PropertyKey[]): string | undefined {
  let node: unknown = schema;
  for (const name of path) {
    if (!isObject(node)) return undefined;
    const { properties, items } = node;
    node = typeof name === 'number' || !isObject(properties) ? items : properties[String(name)];
  }
  return isObject(node) && typeof node.description === 'string' ? node.description : undefined;
}

/** Field names come from the caller: never echo a huge one. */
function clip(value: string): string {
  return value.length > 100 ? `${value.slice(0, 100)}…` : value;
}
