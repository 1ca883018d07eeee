/** The page that a browser finds at the address of a mount: which clients there are, and how each is connected. */
import { type Way, waysToConnect } from '@inferry/clients';
import type { AnyTool } from '@inferry/contracts';
import {
  type Branding,
  displayText,
  documentOf,
  foot,
  type Html,
  type HtmlValue,
  html,
  masthead,
  policyOf,
  styleSheet,
} from '@inferry/pages';
import { connectRules, copyScript } from './connect-style.ts';
import type { Site } from './site.ts';

export interface ConnectView {
  site: Site;
  tools: readonly AnyTool[];
  /** Other mounts of the same host. */
  others: readonly { site: Site; tools: number }[];
}

export interface Document {
  html: string;
  policy: string;
}

const accessTexts = {
  none: 'It serves you alone, on this machine: your client sends nothing but its requests.',
  key: 'Your client sends a key of this server. Put it where YOUR_KEY stands; whoever runs this server gives you one.',
  'sign-in': 'Your client opens a browser to sign in, once. No key stands in its configuration.',
} as const;

export function connectPage({ site, tools, others }: ConnectView): Document {
  const ways = waysToConnect({ ...site, name: nameOf(site), keyShape: 'YOUR_KEY' });
  const clicks = ways.filter(({ link }) => link !== undefined);
  const title = displayText(site.title);
  return toDocument(site.branding, {
    title: `Connect your client to ${title}`,
    images: [site, ...others.map((other) => other.site)].map(pictureUrl),
    description: `How to connect Claude, Cursor, VS Code, Codex and other MCP clients to ${title}.`,
    body: html`<div class="connect">
<header class="top">${masthead(site.branding)}${links(site)}</header>
<main id="main">
<div class="hero"><img src="${pictureUrl(site)}" alt="" width="48" height="48"><div>
<h1>Connect your client to ${title}</h1>
<p class="muted">${accessTexts[site.access]}${keyLink(site)}</p></div></div>
<div class="copyable address"><code id="address">${site.url}</code>${copyButton('address', 'the address')}</div>
${clicks.length > 0 && section('click', 'One click', html`<div class="tiles">${clicks.map(tile)}</div>`)}
${section('clients', 'By client', html`<div class="folds">${ways.map(fold)}</div>`)}
${others.length > 0 && section('servers', 'Other servers here', html`<div class="tiles">${others.map(otherTile)}</div>`)}
${tools.length > 0 && section('tools', `${tools.length} tools`, toolList(tools))}
</main>
<p id="said" class="unseen" role="status"></p>
${foot(site.branding)}</div>`,
  });
}

/** Where a mount would be, and is not. */
export function missingPage(sites: readonly Site[], key: string): Document {
  const [first] = sites;
  const branding = first?.branding;
  if (branding === undefined) return { html: '', policy: "default-src 'none'" };
  const others = sites.map((site) => ({ site, tools: undefined }));
  return toDocument(branding, {
    title: 'No such server',
    images: sites.map(pictureUrl),
    body: html`<div class="connect">
<header class="top">${masthead(branding)}</header>
<main id="main"><h1>There is no server called “${displayText(key, 40)}” here</h1>
${section('servers', 'These are', html`<div class="tiles">${others.map(otherTile)}</div>`)}
</main>${foot(branding)}</div>`,
  });
}

function toDocument(
  branding: Branding,
  { images, ...parts }: { title: string; description?: string; images: readonly string[]; body: HtmlValue },
): Document {
  const style = styleSheet(branding, connectRules);
  const script = copyScript;
  return {
    html: documentOf(branding, { ...parts, style, script }),
    policy: policyOf(branding, { style, script, images }),
  };
}

/** The name of the entry in a client: what its files and commands take. */
function nameOf({ key, title, isCanonical }: Site): string {
  const name = isCanonical
    ? title
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-+|-+$/g, '')
    : key;
  return name.slice(0, 40) || 'inferry';
}

function pictureUrl({ icon, branding, isCanonical }: Site): string {
  return isCanonical || icon === undefined ? branding.logo : icon;
}

/** Where people sign in with a key of one platform, or send it: where they get it. */
function keyLink({ access, offer }: Site): Html | false {
  const { keyPage } = offer.profile.access;
  return (
    access === 'sign-in' &&
    keyPage !== undefined &&
    html` <a href="${keyPage}" rel="noreferrer">Where your key is</a>`
  );
}

function links({ home, base, access }: Site): Html {
  return html`<nav aria-label="More"><a href="${home}/llms.txt">For agents</a>
${access === 'sign-in' && html`<a href="${base}/account">Your account</a>`}</nav>`;
}

function section(id: string, title: string, body: HtmlValue): Html {
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${body}</section>`;
}

function tile({ label, link, ...way }: Way): Html {
  return html`<a class="tile" href="${link}">${picture({ label, ...way })}<span>Add to ${label}</span></a>`;
}

function otherTile({ site, tools }: { site: Site; tools: number | undefined }): Html {
  return html`<a class="tile" href="${site.home === site.base ? `${site.base}/` : site.home}">
<span class="picture"><img src="${pictureUrl(site)}" alt="" width="28" height="28"></span>
<span>${displayText(site.title)}${tools !== undefined && html`<small>${new URL(site.url).pathname}${tools > 0 && ` · ${tools} tools`}</small>`}</span></a>`;
}

function picture({ picture: path, label }: Pick<Way, 'picture' | 'label'>): Html {
  return path === undefined
    ? html`<span class="picture letter" aria-hidden="true">${label.slice(0, 1)}</span>`
    : html`<span class="picture"><svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="${path}"/></svg></span>`;
}

function fold(way: Way): Html {
  const { id, label, command, file, steps, afterwards, guide, link } = way;
  const how = [
    link !== undefined && 'link',
    command !== undefined && 'command',
    file !== undefined && 'file',
  ];
  return html`<details name="client" id="client-${id}"><summary>${picture(way)}<span>${label}</span>
<span class="hint">${how.filter((each) => each !== false).join(', ') || 'by hand'}</span></summary>
<div class="fold">
${link !== undefined && html`<p><a class="button slim" href="${link}">Add to ${label}</a></p>`}
${steps.length > 0 && html`<ol class="tight">${steps.map((step) => html`<li>${step}</li>`)}</ol>`}
${command !== undefined && html`<div><h3>In a terminal</h3>${copyable(`${id}-command`, command, `the command for ${label}`)}</div>`}
${file !== undefined && html`<div><h3>${whereOf(file.where)}</h3>${copyable(`${id}-file`, file.text, `the configuration for ${label}`)}</div>`}
<p>${afterwards} <a href="${guide}" rel="noreferrer">${label === 'Any other client' ? 'Clients that there are' : `${label}’s own guide`}</a></p>
</div></details>`;
}

function whereOf(where: NonNullable<Way['file']>['where']): Html {
  if (where.length === 0) return html`As a process`;
  return html`In its file ${where.map(({ system, path }, at) => html`${at > 0 && ', '}${system && `${system}: `}<code>${path}</code>`)}`;
}

function copyable(id: string, text: string, what: string): Html {
  return html`<div class="copyable"><pre id="${id}" tabindex="0" aria-label="${what}">${text}</pre>${copyButton(id, what)}</div>`;
}

/** Not there without the script, which shows it. */
function copyButton(id: string, what: string): Html {
  return html`<button type="button" class="button slim" data-copy="${id}" hidden><span>Copy</span><span class="unseen"> ${what}</span></button>`;
}

function toolList(tools: readonly AnyTool[]): Html {
  return html`<div class="folds"><details><summary>What your agent can do with them</summary><div class="fold"><dl class="tools">
${tools.map(({ name, description }) => html`<div><dt><code>${name}</code></dt><dd>${firstSentence(description)}</dd></div>`)}
</dl></div></details></div>`;
}

function firstSentence(text: string): string {
  const [line = ''] = text.trim().split('\n', 1);
  return /^(.{20,}?[.!?])(?:\s|$)/.exec(line)?.[1] ?? displayText(line, 200);
}
