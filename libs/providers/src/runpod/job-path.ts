import { AppError } from '@inferry/contracts';

/** Ids of endpoints and of jobs become parts of paths. */
const idPattern = /^[A-Za-z0-9_-]{1,200}$/;

export function endpointPath(endpoint: string, operation: string): string {
  if (!idPattern.test(endpoint))
    throw new AppError('model_not_found', 'Runpod has no endpoint of this name.');
  return `/${endpoint}/${operation}`;
}

export function jobPath({ endpoint, id }: { endpoint: string; id: string }, operation: string): string {
  if (!idPattern.test(id)) throw new AppError('upstream_malformed', 'Runpod gave a job an unusual id.');
  return `${endpointPath(endpoint, operation)}/${id}`;
}
