import { isObject, type Problem } from '@inferry/contracts';
import type { FailureRule } from '../errors/index.ts';
import { NodeErrors } from './wire.ts';

/** `{error: {type, message}, node_errors}`: a graph that the server does not take. Nothing of it was queued. */
export const failureRule: FailureRule = ({ status, body }) => {
  if (status !== 400 || !isObject(body) || !isObject(body.error)) return undefined;
  const { type, message } = body.error;
  const detail = typeof message === 'string' ? message : undefined;
  if (type === 'missing_node_type') return { code: 'model_not_found', detail };
  const problems = problemsOf(body.node_errors);
  return { code: 'validation_failed', detail, ...(problems.length > 0 && { problems }) };
};

function problemsOf(nodeErrors: unknown): Problem[] {
  const parsed = NodeErrors.safeParse(nodeErrors);
  if (!parsed.success) return [];
  return Object.values(parsed.data).flatMap(({ class_type: node, errors }) =>
    (errors ?? []).map(({ message, details, extra_info: extra }) => ({
      path: [node, extra?.input_name].filter(Boolean).join('.'),
      message: [message, details].filter(Boolean).join(': '),
    })),
  );
}
