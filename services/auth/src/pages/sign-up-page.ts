import { html } from '@inferry/pages';
import type { PageParts } from './layout.ts';

export interface SignUpView {
  brand: string;
  action: string;
  signInUrl: string;
  csrf: string;
  minPassword: number;
  entered?: { userName?: string | undefined } | undefined;
  problem?: string | undefined;
}

/** A new account, where the deployment lets anybody make one. */
export function signUpPage(view: SignUpView): PageParts {
  return {
    title: 'Create an account',
    body: html`
<h1>Create an account</h1>
${view.problem !== undefined && html`<p class="notice bad" role="alert" id="problem">${view.problem}</p>`}
<form method="post" action="${view.action}" class="stack">
<input type="hidden" name="csrf" value="${view.csrf}">
<div class="field"><label for="user_name">User name</label>
<input id="user_name" name="user_name" value="${view.entered?.userName}" autocomplete="username" autocapitalize="none"
spellcheck="false" required maxlength="200"></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required
minlength="${view.minPassword}" maxlength="256" aria-describedby="password-hint">
<p class="hint" id="password-hint">At least ${view.minPassword} characters; a few words are best.</p></div>
<button class="button main wide">Create the account</button>
</form>
<p class="small">Have one already? <a href="${view.signInUrl}">Sign in</a></p>`,
  };
}
