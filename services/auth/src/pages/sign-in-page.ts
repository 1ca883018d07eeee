import { type Html, html } from '@inferry/pages';
import type { PageParts } from './layout.ts';

/** A way to sign in, as the page shows it. */
export type SignInMethod =
  | { id: 'local'; kind: 'password'; label: string; canSignUp: boolean }
  | { id: 'apikey'; kind: 'key'; label: string; providers: readonly KeyProvider[] }
  | { id: 'oidc' | 'handoff' | 'runpod'; kind: 'redirect'; label: string };

/** A platform whose keys are taken. */
export interface KeyProvider {
  slug: string;
  title: string;
}

export interface SignInView {
  brand: string;
  methods: readonly SignInMethod[];
  /** The one whose form is open. */
  open: SignInMethod;
  /** What signing in leads to: a client that is being connected. */
  purpose?: string | undefined;
  action: string;
  /** The address of this page with another form open. */
  linkTo(method: SignInMethod['id'] | 'sign-up'): string;
  csrf: string;
  /** Kept after a mistake; never a password or a key. */
  entered?: { userName?: string | undefined; provider?: string | undefined } | undefined;
  problem?: string | undefined;
}

/** One form, and below it the other ways. */
export function signInPage(view: SignInView): PageParts {
  const { open, methods } = view;
  const others = methods.filter(({ id }) => id !== open.id);
  return {
    title: titleOf(view),
    body: html`
<div class="tight">
<h1>${titleOf(view)}</h1>
${view.purpose !== undefined && html`<p class="muted">to connect ${view.purpose}</p>`}
</div>
${view.problem !== undefined && html`<p class="notice bad" role="alert" id="problem">${view.problem}</p>`}
${formOf(view)}
${others.length > 0 && html`<p class="or">or</p><div class="near">${others.map((method) => otherWay(view, method))}</div>`}`,
  };
}

function titleOf({ open, brand }: SignInView): string {
  if (open.kind !== 'key') return `Sign in to ${brand}`;
  const [only, another] = open.providers;
  return only !== undefined && another === undefined ? `Your ${only.title} key` : 'Your provider key';
}

function formOf(view: SignInView): Html {
  if (view.open.kind === 'password') return passwordForm(view, view.open);
  if (view.open.kind === 'key') return keyForm(view, view.open.providers);
  return redirectForm(view, view.open);
}

function formStart({ action, csrf }: SignInView, driver: SignInMethod['id']): Html {
  return html`<form method="post" action="${action}" class="stack">
<input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="driver" value="${driver}">`;
}

function passwordForm(view: SignInView, method: { canSignUp: boolean }): Html {
  const invalid = view.problem !== undefined && html` aria-invalid="true" aria-describedby="problem"`;
  return html`${formStart(view, 'local')}
<div class="field"><label for="user_name">User name</label>
<input id="user_name" name="user_name" value="${view.entered?.userName}" autocomplete="username" autocapitalize="none"
spellcheck="false" required maxlength="200"${invalid}></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256"${invalid}></div>
<button class="button main wide">Sign in</button>
</form>
${method.canSignUp && html`<p class="small">New here? <a href="${view.linkTo('sign-up')}">Create an account</a></p>`}`;
}

function keyForm(view: SignInView, providers: readonly KeyProvider[]): Html {
  return html`${formStart(view, 'apikey')}
${keyFields(providers, { entered: view.entered?.provider, isWrong: view.problem !== undefined })}
<button class="button main wide">Connect</button>
</form>`;
}

/** Not a password field: a password manager must not keep or offer the key of another product. */
export function keyFields(
  providers: readonly KeyProvider[],
  { entered, isWrong = false }: { entered?: string | undefined; isWrong?: boolean } = {},
): Html {
  const [only, another] = providers;
  const isOne = only !== undefined && another === undefined;
  return html`${isOne ? html`<input type="hidden" name="provider" value="${only.slug}">` : providerChoice(providers, entered)}
<div class="field"><label for="key">${isOne ? `${only.title} API key` : 'API key'}</label>
<input id="key" name="key" class="code" autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false"
data-1p-ignore data-lpignore="true" data-bwignore required maxlength="4096" aria-describedby="key-hint"${isWrong && html` aria-invalid="true"`}>
<p class="hint" id="key-hint">It is tried once, stored encrypted on this server and never shown to a client. Deleting it
on your account page, or at the provider, ends its use.</p></div>`;
}

function providerChoice(providers: readonly KeyProvider[], entered: string | undefined): Html {
  const options = providers.map(
    ({ slug, title }) =>
      html`<option value="${slug}"${slug === entered && html` selected`}>${title}</option>`,
  );
  return html`<div class="field"><label for="provider">Provider</label>
<select id="provider" name="provider">${options}</select></div>`;
}

function redirectForm(view: SignInView, method: SignInMethod): Html {
  return html`${formStart(view, method.id)}<button class="button main wide">${method.label}</button></form>`;
}

/** A form where a click leads away at once, a link where it opens another form here. */
function otherWay(view: SignInView, method: SignInMethod): Html {
  if (method.kind !== 'redirect')
    return html`<p><a class="button wide" href="${view.linkTo(method.id)}">${method.label}</a></p>`;
  return html`${formStart(view, method.id)}<button class="button wide">${method.label}</button></form>`;
}
