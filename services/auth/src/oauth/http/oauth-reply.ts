import type { FastifyReply } from 'fastify';
import type { EngineReply } from '../engine/inject.ts';

/** Any page may call these: what they answer depends on what the caller knows, never on cookies. */
export const corsHeaders = { 'access-control-allow-origin': '*' } as const;

export const privateHeaders = { ...corsHeaders, 'cache-control': 'no-store', pragma: 'no-cache' } as const;

/** An OAuth error as JSON (RFC 6749, section 5.2). */
export function sendError(
  reply: FastifyReply,
  status: number,
  problem: { code: string; message: string },
): void {
  reply
    .code(status)
    .headers(privateHeaders)
    .send({ error: problem.code, error_description: problem.message });
}

/** What the engine answered, without its cookies and its idea of CORS. */
export function sendEngineReply(reply: FastifyReply, answer: EngineReply): void {
  const type = answer.headers['content-type'];
  const challenge = answer.headers['www-authenticate'];
  reply.code(answer.status).headers(privateHeaders);
  if (type !== undefined) reply.header('content-type', type);
  if (challenge !== undefined) reply.header('www-authenticate', challenge);
  reply.send(answer.body);
}

export const notForm = {
  code: 'invalid_request',
  message: 'the body must be a form (application/x-www-form-urlencoded)',
} as const;

/** Clients register again when they hear `invalid_client` with 401, and only then. */
export function withClientStatus(answer: EngineReply): EngineReply {
  const isUnknown = answer.status === 400 && answer.body.includes('"error":"invalid_client"');
  return isUnknown ? { ...answer, status: 401 } : answer;
}
