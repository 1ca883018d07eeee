import { displayText, type Html, html } from '@inferry/pages';
import type { PageParts } from './layout.ts';
import type { ScopeChoice } from './scope-choices.ts';
import { type KeyProvider, keyFields } from './sign-in-page.ts';

/** The client that asks, as far as anybody can tell who it is. */
export interface AskingClient {
  /** Its own word. */
  name: string;
  /** The host that its metadata document was read from; without it anybody may use the name. */
  verifiedHost?: string | undefined;
  /** Where the browser goes afterwards: a host, or the scheme of an app. */
  redirectHost: string;
  /** It comes back to this computer: nobody can tell which program listens there. */
  isLoopback: boolean;
}

export interface ConsentView {
  brand: string;
  client: AskingClient;
  choices: readonly ScopeChoice[];
  /** Who is signed in already. */
  person: string | undefined;
  /** The platforms whose key is asked for here; none: how to sign in is asked afterwards. */
  keys: readonly KeyProvider[];
  action: string;
  csrf: string;
  problem?: string | undefined;
}

/** Who asks, for what, and where it leads: before anybody is sent anywhere or asked for a key. */
export function consentPage(view: ConsentView): PageParts {
  const { client, brand, choices, person, keys } = view;
  const name = displayText(client.name, 60) || 'A client without a name';
  return {
    title: `Connect ${name}`,
    body: html`
<div class="tight">
<h1>Connect ${name}?</h1>
<p class="muted">It asks to use ${brand} for you.</p>
</div>
${view.problem !== undefined && html`<p class="notice bad" role="alert">${view.problem}</p>`}
${clientFacts(client, name)}
${client.isLoopback && loopbackWarning()}
<form method="post" action="${view.action}" class="stack">
<input type="hidden" name="csrf" value="${view.csrf}">
<fieldset>
<legend class="label">It may</legend>
<ul class="ticks below">${choices.map(tick)}</ul>
</fieldset>
${person !== undefined && signedInAs(person)}
${keys.length > 0 && html`<input type="hidden" name="driver" value="apikey">${keyFields(keys)}`}
<div class="actions">
<button class="button main grow" name="decision" value="allow">Allow</button>
<button class="button grow" name="decision" value="deny" formnovalidate>Deny</button>
</div>
</form>
<p class="small muted">${person === undefined && keys.length === 0 && 'Then you sign in. '}You can take this back at any time on your account page.</p>`,
  };
}

function clientFacts({ verifiedHost, redirectHost, isLoopback }: AskingClient, name: string): Html {
  const publisher =
    verifiedHost === undefined
      ? html`<span class="mark warn">unverified</span> <span class="small muted">Anybody can use this name.</span>`
      : html`<strong>${displayText(verifiedHost, 253)}</strong> <span class="mark good">verified</span>`;
  const target = targetOf(displayText(redirectHost, 253), isLoopback);
  return html`<dl class="facts">
<div><dt>Client</dt><dd><strong>${name}</strong></dd></div>
<div><dt>From</dt><dd>${publisher}</dd></div>
<div><dt>Returns to</dt><dd>${target}</dd></div>
</dl>`;
}

/** A host, or what an app of this computer is opened by. */
function targetOf(host: string, isLoopback: boolean): Html {
  const place = isLoopback ? 'this computer' : host.endsWith(':') ? 'an app on this device' : undefined;
  if (place === undefined) return html`<strong>${host}</strong>`;
  return html`<strong>${place}</strong> <span class="code muted">${host}</span>`;
}

function loopbackWarning(): Html {
  return html`<p class="notice warn"><strong>Did you start this yourself?</strong> The client says that it runs on this
computer, and nobody can check that. Allow it only if you asked a program here to connect just now.</p>`;
}

function tick({ scope, text, isTicked, isCostly }: ScopeChoice): Html {
  const note = isCostly && html` <span class="mark warn">costs money until it is stopped</span>`;
  return html`<li><label><input type="checkbox" name="scope" value="${scope}"${isTicked && html` checked`}><span>${text}${note}</span></label></li>`;
}

function signedInAs(person: string): Html {
  return html`<p class="person"><span><span class="muted">Signed in as</span> <strong>${displayText(person)}</strong></span>
<button class="link" name="decision" value="switch">Not you?</button></p>`;
}
