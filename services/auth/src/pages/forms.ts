import type { FastifyInstance, FastifyRequest } from 'fastify';

/** A form as it was posted. */
export interface Form {
  /** The first value of a field, or the empty text. */
  get(name: string): string;
  all(name: string): string[];
  /** The first value of each field. */
  fields(): Record<string, string>;
}

const maxFormBytes = 32 * 1_024;

/** Forms, and nothing else, are read in this scope. */
export function parseForms(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  const options = { parseAs: 'string', bodyLimit: maxFormBytes } as const;
  scope.addContentTypeParser('application/x-www-form-urlencoded', options, (_request, body, done) => {
    done(null, new URLSearchParams(String(body)));
  });
}

export function formOf({ body }: FastifyRequest): Form {
  const parameters = body instanceof URLSearchParams ? body : new URLSearchParams();
  return {
    get: (name) => parameters.get(name) ?? '',
    all: (name) => parameters.getAll(name),
    fields: () => Object.fromEntries([...parameters].reverse()),
  };
}

/** Browsers say where a form comes from; a page of another site cannot make them say ours. */
export function isFromOwnPage({ headers }: FastifyRequest, publicUrl: string): boolean {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && origin !== new URL(publicUrl).origin) return false;
  return site === undefined || site === 'same-origin' || site === 'none';
}
