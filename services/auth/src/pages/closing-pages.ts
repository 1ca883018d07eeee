import { displayText, html } from '@inferry/pages';
import type { PageParts } from './layout.ts';

export interface ContinueView {
  brand: string;
  clientName: string;
  isAllowed: boolean;
  /** The client's own address with the answer in it. */
  url: string;
}

/**
 * The last page: it takes the browser back to the client. A page and no redirect, because a form's answer may not
 * leave this origin in every browser, and because an app's own scheme may need a click.
 */
export function continuePage({ brand, clientName, isAllowed, url }: ContinueView): PageParts {
  const name = displayText(clientName) || 'the client';
  const isWeb = /^https?:/i.test(url);
  return {
    title: isAllowed ? 'Connected' : 'Not connected',
    onward: isBrowsable(url) ? { url, seconds: isWeb ? 0 : 1 } : undefined,
    body: html`
<div class="tight">
<h1>${isAllowed ? `${name} is connected` : `${name} is not connected`}</h1>
<p class="muted">${isAllowed ? `It may use ${brand} for you now.` : 'It was told that you said no.'}
${isWeb ? 'You are being sent back.' : 'Go back to it to go on.'}</p>
</div>
${isBrowsable(url) && html`<p><a class="button main wide" href="${url}" rel="noreferrer">Continue to ${name}</a></p>`}
<p class="small muted">${isWeb ? 'If nothing happens, use the button.' : 'If nothing opens, switch to the app yourself.'}
You can close this page afterwards.</p>`,
  };
}

/** Addresses that run or show something here instead of leading to a client are never linked. */
export function isBrowsable(url: string): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  return (
    scheme !== undefined && !['javascript', 'data', 'vbscript', 'blob', 'file', 'about'].includes(scheme)
  );
}

export interface ErrorView {
  title: string;
  /** What happened and what to do now, in whole sentences. */
  text: string;
  /** Where to do it: the name of a place, and what to do there. */
  steps?: readonly (readonly [string, string])[];
  /** For whoever is asked for help. */
  code?: string | undefined;
  /** What the protocol says of it, for whoever runs the client or this server. */
  detail?: string | undefined;
  /** The client's own address: a click leads there. */
  location?: string | undefined;
}

export function errorPage({ title, text, steps = [], code, detail, location }: ErrorView): PageParts {
  return {
    title,
    body: html`
<div class="tight"><h1>${title}</h1><p>${text}</p></div>
${steps.length > 0 && html`<dl class="facts">${steps.map(([where, what]) => html`<div><dt>${where}</dt><dd>${what}</dd></div>`)}</dl>`}
${location !== undefined && isBrowsable(location) && html`<p><a class="button wide" href="${location}" rel="noreferrer">Return to ${hostOf(location)}</a></p>`}
${code !== undefined && html`<p class="small muted">Code: <span class="code">${displayText(code)}</span>${detail !== undefined && `. ${displayText(detail, 300)}`}</p>`}`,
  };
}

/** Where a link leads, as far as a person knows it. */
function hostOf(location: string): string {
  const url = URL.parse(location);
  return displayText(url?.host || url?.protocol || 'the client', 253);
}

/** What the protocol has to say of a problem. */
export interface Problem {
  code: string;
  title: string;
  message: string;
  location?: string | undefined;
}

/** What a person can do about the errors of the authorization endpoint that are shown and not sent to a client. */
export function problemPage({ code, title, message, location }: Problem): PageParts {
  const view = isKnown(code)
    ? { ...knownErrors[code], detail: message }
    : { title, text: capitalised(message), code };
  return errorPage({ ...view, location });
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function isKnown(code: string): code is keyof typeof knownErrors {
  return Object.hasOwn(knownErrors, code);
}

/** One of the errors that have words of their own. */
export function authorizationError(code: keyof typeof knownErrors): ErrorView {
  return { ...knownErrors[code] };
}

const knownErrors = {
  invalid_client: {
    title: 'This client is not known here any more',
    text:
      'It names a registration that this server does not have: it ended long ago without a use, or was made at another ' +
      'server. Clear it in the client, then connect again.',
    steps: [
      ['Claude Code', 'Type /mcp, choose this server, then Clear authentication.'],
      ['Claude', 'In Settings, Connectors: disconnect, then connect.'],
      ['Cursor', 'Remove the server, then add it again.'],
      ['VS Code', 'Remove the server, then add it again.'],
      ['Codex', 'codex mcp logout for this server, then codex mcp login.'],
      ['mcp-remote', 'Delete the folder ~/.mcp-auth, then start it again.'],
    ],
    code: 'invalid_client',
  },
  client_document_unreadable: {
    title: 'This server cannot read who the client is',
    text:
      'The client says who it is by a document on the internet, and this server could not read it. Nothing is wrong with ' +
      'the client: try again in a minute. If it repeats, ask whoever runs this server whether it may reach that address ' +
      '(OAUTH_CLIENT_DOCUMENTS=off makes clients register instead).',
    code: 'client_document_unreadable',
  },
  invalid_redirect_uri: {
    title: 'This client may not connect here',
    text:
      'The address that it wants to return to is not one that was registered or that this server accepts, so nobody ' +
      'is sent there. If you trust it, ask whoever runs this server to allow the address.',
    code: 'invalid_redirect_uri',
  },
  not_found: {
    title: 'This page has expired',
    text: 'It took too long, or it was opened in another browser. Go back to the client and connect again.',
    code: 'not_found',
  },
  forbidden: {
    title: 'This did not come from our page',
    text: 'Another site tried to answer in your place, so nothing was done. Go back to the client and connect again.',
    code: 'forbidden',
  },
  rate_limited: {
    title: 'Too many tries',
    text: 'Wait a few minutes, then go back to the client and connect again.',
    code: 'rate_limited',
  },
  temporarily_unavailable: {
    title: 'This cannot be done right now',
    text: 'A part of this server does not answer. Nothing was allowed. Try again in a minute.',
    code: 'temporarily_unavailable',
  },
} as const satisfies Record<string, ErrorView>;
