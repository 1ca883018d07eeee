import type { OAuthViews } from './interactions.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for HTML, in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

export function plainPage(title: string, content: string, head = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${head}<title>${escapeHtml(title)}</title></head><body><h1>${escapeHtml(title)}</h1>${content}</body></html>`;
}

/** What is shown without pages of one's own: text and one link. */
export const plainViews: OAuthViews = {
  continueTo({ location, client, isDenied }) {
    const target = escapeHtml(location);
    const refresh = `<meta http-equiv="refresh" content="0;url=${target}">`;
    const title = isDenied ? 'Access was refused' : 'You are signed in';
    return plainPage(title, `<p><a href="${target}">Continue to ${escapeHtml(client.name)}</a></p>`, refresh);
  },
  problem({ title, message, location }) {
    const link =
      location === undefined
        ? ''
        : `<p><a href="${escapeHtml(location)}" rel="noreferrer">Return to the client</a></p>`;
    return plainPage(title, `<p>${escapeHtml(message)}</p>${link}`);
  },
};
