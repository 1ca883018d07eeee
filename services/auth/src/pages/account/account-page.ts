import { type Branding, html } from '@inferry/pages';
import { consolePage } from '../console/frame.ts';
import type { PageParts } from '../layout.ts';
import type { AccountView } from './account-view.ts';
import { clientsSection } from './clients-section.ts';
import { confirmationsSection } from './confirmations-section.ts';
import { connectionsSection } from './connections-section.ts';
import { keysSection } from './keys-section.ts';
import { budgetsSection, runsSection } from './runs-section.ts';

/** What goes on and what it costs, and below it who may use the account and by which keys. */
export function accountPage(branding: Branding, view: AccountView): PageParts {
  return consolePage(branding, view, {
    title: 'Your account',
    tab: 'overview',
    notice: view.notice,
    heading: html`<h1>${view.account.display}</h1>
<p class="muted">What you connected to ${branding.name}, who may use it for you, and what it cost.</p>`,
    body: html`${confirmationsSection(view)}
${runsSection(view)}
${budgetsSection(view)}
${connectionsSection(view)}
${clientsSection(view)}
${keysSection(view)}`,
  });
}
