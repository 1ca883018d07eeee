import type { Branding } from './branding.ts';
import { Html, type HtmlValue, html } from './html.ts';
import { styleSheet } from './styles.ts';

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
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
${onward !== undefined && html`<meta http-equiv="refresh" content="${onward.seconds};url=${onward.url}">`}
<title>${title} · ${branding.name}</title>
<link rel="icon" href="${branding.logo}">
<style>${new Html(styleSheet(branding))}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
${shape === 'narrow' ? narrow(branding, body) : wide(branding, body)}
</body>
</html>
`;
  return document.text;
}

/** The deployment's name and logo; the name is the text, so the picture has none. */
export function masthead(branding: Branding): Html {
  return html`<div class="masthead"><img src="${branding.logo}" alt="" width="28" height="28"><span>${branding.name}</span></div>`;
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

function foot({ links }: Branding): Html {
  const items = links.map(({ text, url }) => html`<a href="${url}">${text}</a>`);
  return html`<footer class="foot">${items}</footer>`;
}
