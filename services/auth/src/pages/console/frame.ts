/** What every page of somebody's own has around it: whose it is, where else there is to go, and the way out. */
import { type Branding, type Html, type HtmlValue, html, masthead } from '@inferry/pages';
import type { Notice } from '../account/account-view.ts';
import type { PageParts } from '../layout.ts';

const tabs = [
  ['overview', '/account', 'Overview'],
  ['runs', '/account/runs', 'Runs'],
  ['batches', '/account/batches', 'Batches'],
  ['costs', '/account/costs', 'Costs'],
  ['files', '/account/files', 'Files'],
  ['operator', '/account/operator', 'Operator'],
] as const;
export type Tab = (typeof tabs)[number][0];

/** Who looks. */
export interface Viewer {
  csrf: string;
  isOperator: boolean;
  now: number;
}

export interface ConsolePage {
  title: string;
  /** `undefined`: one of the pages behind a tab. */
  heading?: HtmlValue;
  tab: Tab;
  notice?: Notice | undefined;
  body: HtmlValue;
}

export function consolePage(branding: Branding, viewer: Viewer, page: ConsolePage): PageParts {
  const { title, heading, tab, notice, body } = page;
  return {
    title,
    shape: 'console',
    body: html`<header class="top">${masthead(branding)}
<form method="post" action="/account/sign-out"><input type="hidden" name="csrf" value="${viewer.csrf}">
<button class="button slim">Sign out</button></form></header>
${tabsOf(viewer, tab)}
<main id="main">
<div class="lead">${heading ?? html`<h1>${title}</h1>`}</div>
${notice !== undefined && noticeOf(notice)}
${body}
</main>`,
  };
}

function tabsOf({ isOperator }: Viewer, here: Tab): Html {
  const shown = tabs.filter(([id]) => id !== 'operator' || isOperator);
  return html`<nav class="tabs" aria-label="Account">${shown.map(
    ([id, url, text]) => html`<a href="${url}"${id === here && html` aria-current="page"`}>${text}</a>`,
  )}</nav>`;
}

function noticeOf({ kind, text, secret }: Notice): Html {
  return html`<div class="notice ${kind} after" role="${kind === 'bad' ? 'alert' : 'status'}">${text}
${secret !== undefined && html`<code class="shown-once" id="new-key">${secret}</code>`}</div>`;
}

/** A part of a page that our script reads again while something goes on in it; without script a link does. */
export function livePart(id: string, isLive: boolean, body: HtmlValue): Html {
  return html`<div id="${id}"${isLive && html` data-live`}>${body}
${isLive && html`<noscript><p class="small after-list"><a href="">Look again</a></p></noscript>`}</div>`;
}

/**
 * Reads the page again, less often after two minutes, while it is looked at and something in it goes on, and puts its live parts in the place of those
 * that are shown. It never moves the focus, and leaves a part alone that has it.
 */
export const liveScript = `(()=>{
let timer;
let looks=0;
const parts=()=>[...document.querySelectorAll('[data-live]')];
async function look(){
timer=undefined;
looks+=1;
if(document.hidden)return;
try{
const answer=await fetch(location.href,{headers:{accept:'text/html'},redirect:'error'});
if(answer.ok){
const fresh=new DOMParser().parseFromString(await answer.text(),'text/html');
for(const part of parts()){
const next=fresh.getElementById(part.id);
if(next&&!part.contains(document.activeElement))part.replaceWith(document.adoptNode(next));
}
}
}catch{}
plan();
}
function plan(){if(timer===undefined&&!document.hidden&&parts().length>0)timer=setTimeout(look,looks<40?3000:15000)}
document.addEventListener('visibilitychange',plan);
plan();
})();`;
