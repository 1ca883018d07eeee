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
import { accountRules } from './styles-account.ts';

export interface PageParts {
  title: string;
  body: HtmlValue;
  /** `narrow`: one thing to decide, in a sheet. `wide`: the account. */
  shape?: 'narrow' | 'wide';
  /** Goes there by itself after so many seconds. */
  onward?: { url: string; seconds: number } | undefined;
}

/** A whole document. It works without script, and says so to nobody: there is none. */
export function page(branding: Branding, parts: PageParts): string {
  const { title, body, shape = 'narrow', onward } = parts;
  const laid = shape === 'narrow' ? narrow(branding, body) : wide(branding, body);
  return documentOf(branding, { title, onward, style: styleOf(branding), body: laid });
}

export function styleOf(branding: Branding): string {
  return styleSheet(branding, accountRules);
}

function narrow(branding: Branding, body: HtmlValue): Html {
  return html`<div class="narrow">
<header>${masthead(branding)}</header>
<main id="main" class="sheet stack">${body}</main>
${foot(branding)}
</div>`;
}

function wide(branding: Branding, body: HtmlValue): Html {
  return html`<div class="wide-page">${body}${foot(branding)}</div>`;
}
