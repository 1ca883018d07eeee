import { isScope, type Scope, scopes } from '@inferry/contracts';

/** One tick of the consent page. */
export interface ScopeChoice {
  scope: Scope;
  text: string;
  isTicked: boolean;
}

const parts = Object.keys(scopes)
  .filter(isScope)
  .filter((scope) => scope !== 'mcp');

/**
 * What can be ticked for a request: the parts of what was asked for, all ticked. `mcp` stands for its parts, so that
 * somebody can let a client look without letting it spend.
 */
export function choicesFor(requested: readonly string[], offered: readonly string[] = []): ScopeChoice[] {
  const asked = new Set(expand(requested));
  const open = new Set([...asked, ...expand(offered)]);
  return parts
    .filter((scope) => open.has(scope))
    .map((scope) => ({ scope, text: scopes[scope], isTicked: asked.has(scope) }));
}

/** What was granted by these ticks; all parts of `mcp` are `mcp`. Never more than could be ticked. */
export function scopesOfTicks(ticks: readonly string[], choices: readonly ScopeChoice[]): Scope[] {
  const granted = choices.map(({ scope }) => scope).filter((scope) => ticks.includes(scope));
  return granted.length === parts.length ? ['mcp'] : granted;
}

function expand(names: readonly string[]): Scope[] {
  const known = names.filter(isScope);
  return known.includes('mcp') ? parts : known;
}
