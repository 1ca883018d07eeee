import type { z } from 'zod';
import { coerce, isObject } from './coerce.ts';
import type { Problem } from './content.ts';
import type { ToolContract } from './contract.ts';
import { AppError } from './errors.ts';

/**
 * Tool arguments as the handler gets them: coerced, then checked strictly. Throws `validation_failed` with the
 * field, the problem and a hint for each fault, before anything else happens.
 */
export function parseArguments<I extends z.ZodObject>(
  tool: Pick<ToolContract<I>, 'name' | 'input' | 'inputSchema'>,
  raw: unknown,
): z.infer<I> {
  const value = coerce(tool.inputSchema, raw ?? {});
  if (!isObject(value))
    throw validationFailed(tool.name, [{ path: '', message: 'arguments must be an object' }]);
  const known = Object.keys(tool.input.shape);
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  const parsed = tool.input.safeParse(value);
  const problems: Problem[] = unknown.slice(0, 16).map((name) => ({
    path: clip(name),
    message: 'unknown argument',
    hint: `known: ${known.join(', ')}`,
  }));
  if (!parsed.success) problems.push(...parsed.error.issues.slice(0, 16).map(toProblem));
  // as: safeParse returns the schema's output; the generic is lost through `error`.
  if (problems.length === 0) return parsed.data as z.infer<I>;
  throw validationFailed(tool.name, problems);
}

export function validationFailed(subject: string, problems: readonly Problem[]): AppError {
  return new AppError('validation_failed', `${subject}: ${problems.length} problem(s) with the input.`, {
    nextAction: 'Correct the fields and call again. Nothing was run or charged.',
    details: { errors: problems },
  });
}

function toProblem(issue: z.core.$ZodIssue): Problem {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'invalid_value') {
    return {
      path: clip(path),
      message: 'is not one of the allowed values',
      hint: issue.values.map(String).join(', '),
    };
  }
  return { path: clip(path), message: issue.message };
}

/** Field names come from the caller: never echo a huge one. */
function clip(value: string): string {
  return value.length > 100 ? `${value.slice(0, 100)}…` : value;
}
