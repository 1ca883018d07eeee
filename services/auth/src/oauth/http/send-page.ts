import type { FastifyReply } from 'fastify';

/**
 * No `form-action`: browsers would apply it to the redirects that follow, and no client would ever get its code. The
 * referrer stays within the site, since without any a form arrives with `Origin: null`.
 */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
} as const;

/** Answers a browser with one of our own pages. */
export function sendPage(reply: FastifyReply, status: number, html: string): void {
  reply.code(status).headers(pageHeaders).send(html);
}
