// What a person ticks on the consent page, and what is granted by it.
import { hasScope, isScope, type Scope, scopes } from '@inferry/contracts';

/** One tick of the consent page. */
export interface ScopeChoice {
  scope: Scope;
  text: string;
  isTicked: boolean;
  /** What it opens goes on costing money by itself: it is said in plain words. */
  isCostly: boolean;
}

const all: readonly Scope[] = Object.keys(scopes)
  .filter(isScope)
  .filter((scope) => scope !== 'mcp');
/** What `mcp` stands for. */
const parts = all.filter((scope) => hasScope(['mcp'], scope));

/**
 * What can be ticked for a request: the parts of what was asked for, all ticked. `mcp` stands for its parts, so that
 * somebody can let a client look without letting it spend; what is granted by name alone is there when it was asked for.
 */
export function choicesFor(requested: readonly string[], offered: readonly string[] = []): ScopeChoice[] {
  const asked = new Set(expand(requested));
  const open = new Set([...asked, ...expand(offered)]);
  return all
    .filter((scope) => open.has(scope))
    .map((scope) => ({
      scope,
      text: scopes[scope],
      isTicked: asked.has(scope),
      isCostly: !parts.includes(scope),
    }));
}

/** What was granted by these ticks; all parts of `mcp` are `mcp`. Never more than could be ticked. */
export function scopesOfTicks(ticks: readonly string[], choices: readonly ScopeChoice[]): Scope[] {
  const granted = choices.map(({ scope }) => scope).filter((scope) => ticks.includes(scope));
  const isWhole = parts.every((scope) => granted.includes(scope));
  return isWhole ? ['mcp', ...granted.filter((scope) => !parts.includes(scope))] : granted;
}

function expand(names: readonly string[]): Scope[] {
  const known: Scope[] = names.filter(isScope);
  return known.includes('mcp') ? [...parts, ...known.filter((scope) => !hasScope(['mcp'], scope))] : known;
}
