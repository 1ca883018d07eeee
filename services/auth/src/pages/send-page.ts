import { type Branding, policyOf } from '@inferry/pages';
import type { FastifyReply } from 'fastify';
import { liveScriptPath, type PageParts, page, type Shape, shapes, styleOf } from './layout.ts';

/** Sends a page; the status is 200 unless another is given. */
export type SendPage = (reply: FastifyReply, parts: PageParts & { status?: number }) => FastifyReply;

/** Every document is sent with `pageHeaders`, by a hook of the scope. */
export function createSendPage(branding: Branding): SendPage {
  return (reply, { status = 200, ...parts }) =>
    reply.code(status).type('text/html; charset=utf-8').send(page(branding, parts));
}

/** Where pages load from beside themselves. */
interface Places {
  /** Where these pages are, and where files are. */
  publicUrl: string;
  filesUrl: string;
}

/** The headers of a page, by what it was made with: its policy names the one style sheet in it. */
export function createPageHeaders(
  brandings: readonly Branding[],
  places: Places,
): (html: string) => Record<string, string> {
  const [own, ...others] = brandings
    .flatMap((branding) => shapes.map((shape) => ({ branding, shape })))
    .map(({ branding, shape }) => ({
      style: `<style>${styleOf(branding, shape)}</style>`,
      headers: pageHeaders(branding, shape, places),
    }));
  return (html) => (others.find(({ style }) => html.includes(style)) ?? own)?.headers ?? {};
}

/**
 * The headers of every page. There is no `form-action`: browsers apply it to where a form's answer redirects to, and
 * `'self'` would keep people from getting back to their client. `same-origin` and not `no-referrer`: with that one,
 * our own forms would arrive with `Origin: null`. There is no Cross-Origin-Opener-Policy: clients that open us in a
 * window of theirs would take it for closed.
 */
function pageHeaders(
  branding: Branding,
  shape: Shape,
  { publicUrl, filesUrl }: Places,
): Record<string, string> {
  const further = {
    // The one script by its own address, and not whatever else its host has.
    'script-src': [`${publicUrl}${liveScriptPath}`],
    'connect-src': ["'self'"],
    'img-src': ["'self'", new URL(filesUrl).origin],
    'media-src': ["'self'", new URL(filesUrl).origin],
  };
  return {
    'content-security-policy': policyOf(branding, {
      style: styleOf(branding, shape),
      ...(shape === 'console' ? { further } : {}),
    }),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
  };
}
