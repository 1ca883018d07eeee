import { type Branding, type Html, html, masthead } from '@inferry/pages';
import type { PageParts } from '../layout.ts';
import type { AccountView, Notice } from './account-view.ts';
import { clientsSection } from './clients-section.ts';
import { confirmationsSection } from './confirmations-section.ts';
import { connectionsSection } from './connections-section.ts';
import { keysSection } from './keys-section.ts';
import { runsSection } from './runs-section.ts';

/** Everything that somebody has here, on one page. */
export function accountPage(branding: Branding, view: AccountView): PageParts {
  return {
    title: 'Your account',
    shape: 'wide',
    body: html`
<header class="top">${masthead(branding)}
<form method="post" action="/account/sign-out"><input type="hidden" name="csrf" value="${view.csrf}">
<button class="button slim">Sign out</button></form></header>
<main id="main">
<div class="lead"><h1>${view.account.display}</h1>
<p class="muted">What you connected to ${branding.name}, who may use it for you, and what it cost.</p></div>
${view.notice !== undefined && noticeOf(view.notice)}
${confirmationsSection(view)}
${connectionsSection(view)}
${clientsSection(view)}
${keysSection(view)}
${runsSection(view)}
</main>`,
  };
}

function noticeOf({ kind, text, secret }: Notice): Html {
  return html`<div class="notice ${kind} after" role="${kind === 'bad' ? 'alert' : 'status'}">${text}
${secret !== undefined && html`<code class="shown-once" id="new-key">${secret}</code>`}</div>`;
}
