/** The server's own icon, and which others are taken. */
import type { Icon } from './wire.ts';

const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#4338ca"/><path d="M4 4v8l4-4zm5 0v8l4-4z" fill="#fff"/></svg>';

/** Small enough to be sent with every handshake, so that no client has to fetch it. */
export const ownIcon: Icon = {
  src: `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`,
  mimeType: 'image/svg+xml',
  sizes: ['any'],
};

/** `https:` and `data:` are what clients are to take (MCP 2025-11-25, basic, icons). */
export function isIconUrl(value: string): boolean {
  return (
    /^data:image\/[a-z+.-]+[;,]/.test(value) || (URL.canParse(value) && new URL(value).protocol === 'https:')
  );
}
