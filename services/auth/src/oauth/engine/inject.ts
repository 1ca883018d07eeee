import type { RequestListener } from 'node:http';
import { inject } from 'light-my-request';
import { type EngineContext, engineContext } from './engine-context.ts';

export interface EngineRequest {
  method: 'GET' | 'POST';
  path: string;
  query?: URLSearchParams;
  form?: URLSearchParams;
  json?: unknown;
  headers?: Record<string, string>;
  context: EngineContext;
}

export interface EngineReply {
  status: number;
  headers: Readonly<Record<string, string | string[] | number | undefined>>;
  body: string;
}

/**
 * Asks the engine without a socket. It sees the issuer's own host and scheme and nothing else of the caller's headers, so
 * none of them can lead it astray; its cookies stay between it and us.
 */
export async function askEngine(
  callback: RequestListener,
  issuer: string,
  request: EngineRequest,
): Promise<EngineReply> {
  const { method, path, query, form, json, headers = {}, context } = request;
  const { host, protocol } = new URL(issuer);
  const search = query === undefined || query.size === 0 ? '' : `?${query}`;
  const body = form === undefined ? json : form.toString();
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  const reply = await engineContext.run(
    context,
    async () =>
      // It begins with `await`, which must be within the context.
      await inject(callback, {
        method,
        url: `${path}${search}`,
        headers: {
          ...headers,
          host,
          'x-forwarded-proto': protocol.slice(0, -1),
          ...(body === undefined ? {} : { 'content-type': type }),
        },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  );
  return { status: reply.statusCode, headers: reply.headers, body: reply.payload };
}
