import type { Handler } from '@inferry/bus';
import type { readRevocations } from '@inferry/contracts';
import { readRevocationsAfter } from '@inferry/database';
import type { AuthDeps } from '../deps.ts';

export function handleReadRevocations({
  database,
}: Pick<AuthDeps, 'database'>): Handler<typeof readRevocations> {
  return (input) => readRevocationsAfter(database.queries, input);
}
