import type { FastifyInstance } from 'fastify';

/** The largest body that any of these routes reads. */
export const maxBodyBytes = 16_384;

/** Bodies of the protocol routes stay bytes: each route reads its own kind, and refuses what it cannot with its own error. */
export function keepBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: maxBodyBytes }, (_request, body, done) =>
    done(null, body),
  );
}

/** Forms of pages become plain objects: a field that comes twice is a list. */
export function parseForms(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  const options = { parseAs: 'string', bodyLimit: maxBodyBytes } as const;
  scope.addContentTypeParser('application/x-www-form-urlencoded', options, (_request, body, done) => {
    const form: Record<string, string | string[]> = {};
    for (const [name, value] of new URLSearchParams(String(body))) {
      const before = Object.hasOwn(form, name) ? form[name] : undefined;
      const after = before === undefined ? value : [before, value].flat();
      Object.defineProperty(form, name, {
        value: after,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    done(null, form);
  });
}

/** The fields of a form body; undefined when it is something else. */
export function toForm(body: unknown, contentType: string | undefined): URLSearchParams | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (!Buffer.isBuffer(body) || type !== 'application/x-www-form-urlencoded') return undefined;
  return new URLSearchParams(body.toString());
}

/** The value of a JSON body; undefined when it is not JSON. */
export function toJson(body: unknown, contentType: string | undefined): unknown {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (!Buffer.isBuffer(body) || type !== 'application/json') return undefined;
  try {
    return JSON.parse(body.toString());
  } catch {
    // Refused by the route, with its own error.
    return undefined;
  }
}
