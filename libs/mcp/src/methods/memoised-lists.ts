import type { Bus } from '@inferry/bus';
import { listProviders, Recent } from '@inferry/contracts';
import type { Exchange, Method, Reply } from '../exchange.ts';
import { cacheable, cursorOf, listTtlMs, partialListTtlMs, refuseCursor } from '../lists.ts';
import type { Surfaces, SurfaceView } from '../surfaces/surfaces.ts';
import type { ListPromptsResult, ListResourceTemplatesResult } from '../wire.ts';

/**
 * All prompts in one page, made once per version of what services offer (RF-43) and per set of providers that a caller
 * can use: a prompt of a provider that is not theirs is not in their list.
 */
export function listPrompts({ bus, surfaces }: { bus: Bus; surfaces: Surfaces }): Method {
  const texts = new WeakMap<SurfaceView, Map<string, string>>();
  const usable = createUsableProviders(bus);

  function answer({ era }: Exchange, view: SurfaceView, providers: ReadonlySet<string> | undefined): Reply {
    const known = texts.get(view) ?? new Map<string, string>();
    texts.set(view, known);
    const key = JSON.stringify([...(providers ?? [])].sort());
    const text = known.get(key) ?? `"prompts":${JSON.stringify(promptsOf(view, providers ?? new Set()))}`;
    known.set(key, text);
    return cacheable(era, view.isWhole && providers !== undefined ? listTtlMs : partialListTtlMs, text);
  }

  return async (exchange) => {
    if (cursorOf(exchange) !== undefined) return refuseCursor();
    const view = await surfaces.view(exchange);
    const isAskedFor = view.offered.some(
      ({ description }) => Object.keys(description.prompt_providers ?? {}).length > 0,
    );
    return answer(exchange, view, isAskedFor ? await usable(exchange) : new Set());
  };
}

export function listResourceTemplates(surfaces: Surfaces): Method {
  const texts = new WeakMap<SurfaceView, string>();

  function answer({ era }: Exchange, view: SurfaceView): Reply {
    const templates: ListResourceTemplatesResult['resourceTemplates'] = view.offered.flatMap(
      ({ description }) => description.templates,
    );
    const text = texts.get(view) ?? `"resourceTemplates":${JSON.stringify(templates)}`;
    texts.set(view, text);
    return cacheable(era, view.isWhole ? listTtlMs : partialListTtlMs, text);
  }

  return (exchange) => {
    if (cursorOf(exchange) !== undefined) return refuseCursor();
    const view = surfaces.view(exchange);
    return view instanceof Promise ? view.then((known) => answer(exchange, known)) : answer(exchange, view);
  };
}

/** As long as a list may be older than what it lists. */
const usableMs = 5_000;
const maxCallers = 10_000;

/** The providers that a caller can use, for a few seconds; undefined when nobody can tell now. */
function createUsableProviders(bus: Bus): (exchange: Exchange) => Promise<ReadonlySet<string> | undefined> {
  const kept = new Recent<{ slugs: ReadonlySet<string>; until: number }>(maxCallers);
  return async ({ principal, channel }) => {
    const key = JSON.stringify([principal.subject, principal.grant_id]);
    const known = kept.get(key);
    if (known !== undefined && known.until > Date.now()) return known.slugs;
    try {
      const { providers } = await bus.call(listProviders, {}, { principal, signal: channel.signal });
      const slugs = new Set(providers.filter(({ ready }) => ready).map(({ slug }) => slug));
      kept.set(key, { slugs, until: Date.now() + usableMs });
      return slugs;
    } catch {
      // Whoever cannot be asked about gets the prompts that need no provider.
      return undefined;
    }
  };
}

/** A name that two services use belongs to the first of them. */
function promptsOf({ offered }: SurfaceView, providers: ReadonlySet<string>): ListPromptsResult['prompts'] {
  const byName = new Map<string, ListPromptsResult['prompts'][number]>();
  for (const { description } of offered) {
    for (const prompt of description.prompts) {
      const provider = description.prompt_providers?.[prompt.name];
      if (provider !== undefined && !providers.has(provider)) continue;
      if (!byName.has(prompt.name)) byName.set(prompt.name, prompt);
    }
  }
  return [...byName.values()];
}
