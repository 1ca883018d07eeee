import { type Html, type HtmlValue, html } from '@inferry/pages';

export interface SectionParts {
  id: string;
  title: string;
  text: string;
  body: HtmlValue;
}

/** A part of the account page, with its title at the side. */
export function section({ id, title, text, body }: SectionParts): Html {
  return html`<section class="section" id="${id}" aria-labelledby="${id}-title">
<header><h2 id="${id}-title">${title}</h2><p>${text}</p></header>
<div>${body}</div>
</section>`;
}

/** In the place of what could not be read. */
export const notRead = html`<p class="empty">This cannot be read right now. Try again in a minute.</p>`;

export interface ButtonForm {
  action: string;
  csrf: string;
  text: string;
  /** What the button is about, for those who do not see what it stands beside. */
  about: string;
  isBad?: boolean;
}

/** A form that is one button. */
export function buttonForm({ action, csrf, text, about, isBad = false }: ButtonForm): Html {
  return html`<form method="post" action="${action}"><input type="hidden" name="csrf" value="${csrf}">
<button class="button slim${isBad && ' bad'}">${text}<span class="unseen"> ${about}</span></button></form>`;
}
