import {
  type Branding,
  documentOf,
  foot,
  type Html,
  type HtmlValue,
  html,
  masthead,
  styleSheet,
} from '@inferry/pages';
import { consoleRules } from './console/styles-console.ts';
import { accountRules } from './styles-account.ts';

/** `narrow`: one thing to decide, in a sheet. `console`: the account and what is behind it. */
export const shapes = ['narrow', 'console'] as const;
export type Shape = (typeof shapes)[number];

export interface PageParts {
  title: string;
  body: HtmlValue;
  shape?: Shape;
  /** Goes there by itself after so many seconds. */
  onward?: { url: string; seconds: number } | undefined;
}

/** A whole document. It works without script, and says so to nobody. */
export function page(branding: Branding, parts: PageParts): string {
  const { title, body, shape = 'narrow', onward } = parts;
  const laid = shape === 'narrow' ? narrow(branding, body) : wide(branding, body);
  const scriptUrl = shape === 'console' ? liveScriptPath : undefined;
  return documentOf(branding, { title, onward, scriptUrl, style: styleOf(branding, shape), body: laid });
}

/** Of the one script there is, which pages do without. */
export const liveScriptPath = '/account/live.js';

export function styleOf(branding: Branding, shape: Shape): string {
  return styleSheet(branding, shape === 'narrow' ? accountRules : accountRules + consoleRules);
}

function narrow(branding: Branding, body: HtmlValue): Html {
  return html`<div class="narrow">
<header>${masthead(branding)}</header>
<main id="main" class="sheet stack">${body}</main>
${foot(branding)}
</div>`;
}

function wide(branding: Branding, body: HtmlValue): Html {
  return html`<div class="console">${body}${foot(branding)}</div>`;
}
