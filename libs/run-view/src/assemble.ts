import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** In the order in which they need each other. Each is named on its own, so that a bundle takes it along. */
const scripts: readonly URL[] = [
  new URL('./view/bridge.js', import.meta.url),
  new URL('./view/run-state.js', import.meta.url),
  new URL('./view/follow-run.js', import.meta.url),
  new URL('./view/dom.js', import.meta.url),
  new URL('./view/outputs.js', import.meta.url),
  new URL('./view/card.js', import.meta.url),
  new URL('./view/host-style.js', import.meta.url),
  new URL('./view/main.js', import.meta.url),
];
const styles = new URL('./view/style.css', import.meta.url);

/**
 * The view as one document, since a host loads nothing beside it. Its own policy is stricter than what the host makes
 * of the declared origins, which would let scripts be loaded from there too: only what is written here runs.
 */
export async function assembleView(origins: readonly string[]): Promise<string> {
  const [style, ...parts] = await Promise.all([styles, ...scripts].map((file) => readFile(file, 'utf8')));
  const script = `\n${parts.map(toPart).join('\n')}`;
  if (style === undefined || /<\/(script|style)/i.test(style + script)) {
    throw new Error('the run view holds what would end its script or style');
  }
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policyOf({ origins, script, style })}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta name="origins" content="${origins.join(' ')}">`,
    '<title>Run</title>',
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    '<main></main>',
    `<script type="module">${script}</script>`,
    '</body>',
    '</html>',
  ].join('\n');
}

/** All parts share one scope: what they import from one another is there already. */
function toPart(source: string): string {
  return source.replaceAll(/^import [^;]*;\n/gm, '').replaceAll(/^export (?=const|function|async)/gm, '');
}

function policyOf({
  origins,
  script,
  style,
}: {
  origins: readonly string[];
  script: string;
  style: string;
}): string {
  const media = origins.length === 0 ? "'none'" : origins.join(' ');
  return [
    "default-src 'none'",
    `script-src 'sha256-${hash('sha256', script, 'base64')}'`,
    `style-src 'sha256-${hash('sha256', style, 'base64')}'`,
    `img-src ${media}`,
    `media-src ${media}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
