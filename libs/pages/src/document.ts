/** A whole document, and the policy that it is sent with: it runs and loads what it was made of and nothing else. */
import { createHash } from 'node:crypto';
import type { Branding } from './branding.ts';
import { Html, type HtmlValue, html } from './html.ts';

export interface DocumentParts {
  title: string;
  /** The style sheet (`styleSheet`). */
  style: string;
  /** Small, ours, and never needed: the page says everything without it. */
  script?: string | undefined;
  /** The same as a file of its own. */
  scriptUrl?: string | undefined;
  /** For search engines; without it they are asked to leave the page alone. */
  description?: string | undefined;
  /** Goes there by itself after so many seconds. */
  onward?: { url: string; seconds: number } | undefined;
  body: HtmlValue;
}

/** Not inside of a tagged template: the bundler rewrites those with a helper that no installation has. */
const scriptEnd = new Html('</script>');

export function documentOf(branding: Branding, parts: DocumentParts): string {
  const { title, style, script, scriptUrl, description, onward, body } = parts;
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${description === undefined ? html`<meta name="robots" content="noindex">` : html`<meta name="description" content="${description}">`}
<meta name="color-scheme" content="light dark">
${onward !== undefined && html`<meta http-equiv="refresh" content="${onward.seconds};url=${onward.url}">`}
<title>${title} · ${branding.name}</title>
<link rel="icon" href="${branding.logo}">
<style>${new Html(style)}</style>
${scriptUrl !== undefined && html`<script src="${scriptUrl}" defer>${scriptEnd}`}
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
${body}
${script !== undefined && new Html(`<script>${script}</script>`)}
</body>
</html>
`;
  return document.text;
}

/** The Content-Security-Policy of a document. `further`: what it may load beside what it was made of, by directive. */
export function policyOf(
  branding: Branding,
  {
    style,
    script,
    images = [],
    further = {},
  }: {
    style: string;
    script?: string;
    images?: readonly string[];
    further?: Readonly<Record<string, readonly string[]>>;
  },
): string {
  const remote = [branding.logo, ...images].filter((url) => url.startsWith('https:'));
  const own: Record<string, readonly string[]> = {
    'style-src': [`'sha256-${digest(style)}'`],
    'script-src': script === undefined ? [] : [`'sha256-${digest(script)}'`],
    'img-src': ['data:', ...remote.map((url) => new URL(url).origin)],
  };
  const named = [...new Set([...Object.keys(own), ...Object.keys(further)])]
    .map((name) => [name, ...new Set([...(own[name] ?? []), ...(further[name] ?? [])])])
    .filter((sources) => sources.length > 1)
    .map((sources) => sources.join(' '));
  return [`default-src 'none'`, ...named, `base-uri 'none'`, `frame-ancestors 'none'`].join('; ');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** The deployment's name and logo; the name is the text, so the picture has none. */
export function masthead(branding: Branding): Html {
  return html`<div class="masthead"><img src="${branding.logo}" alt="" width="28" height="28"><span>${branding.name}</span></div>`;
}

export function foot({ links }: Branding): Html {
  const items = links.map(({ text, url }) => html`<a href="${url}">${text}</a>`);
  return html`<footer class="foot">${items}</footer>`;
}
