import { type Branding, policyOf } from '@inferry/pages';
import type { FastifyReply } from 'fastify';
import { type PageParts, page, styleOf } from './layout.ts';

/** Sends a page; the status is 200 unless another is given. */
export type SendPage = (reply: FastifyReply, parts: PageParts & { status?: number }) => FastifyReply;

/** Every document is sent with `pageHeaders`, by a hook of the scope. */
export function createSendPage(branding: Branding): SendPage {
  return (reply, { status = 200, ...parts }) =>
    reply.code(status).type('text/html; charset=utf-8').send(page(branding, parts));
}

/** The headers of a page, by the branding that it was made with: its policy names the one style sheet in it. */
export function createPageHeaders(brandings: readonly Branding[]): (html: string) => Record<string, string> {
  const [own, ...others] = brandings.map((branding) => ({
    style: `<style>${styleOf(branding)}</style>`,
    headers: pageHeaders(branding),
  }));
  return (html) => (others.find(({ style }) => html.includes(style)) ?? own)?.headers ?? {};
}

/**
 * The headers of every page. There is no `form-action`: browsers apply it to where a form's answer redirects to, and
 * `'self'` would keep people from getting back to their client. `same-origin` and not `no-referrer`: with that one,
 * our own forms would arrive with `Origin: null`. There is no Cross-Origin-Opener-Policy: clients that open us in a
 * window of theirs would take it for closed.
 */
function pageHeaders(branding: Branding): Record<string, string> {
  return {
    'content-security-policy': policyOf(branding, { style: styleOf(branding) }),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
  };
}
