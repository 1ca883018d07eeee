import type { Exchange, Method, Reply } from '../exchange.ts';
import type { Surfaces, SurfaceView } from '../surfaces/surfaces.ts';
import { cacheable, listTtlMs, partialListTtlMs } from './cacheable.ts';
import { cursorOf, refuseCursor } from './refuse-cursor.ts';

type Part = 'prompts' | 'templates';

/** All prompts in one page, made once per version of what services offer (RF-43). */
export function listPrompts(surfaces: Surfaces): Method {
  return listOf(surfaces, 'prompts', 'prompts');
}

export function listResourceTemplates(surfaces: Surfaces): Method {
  return listOf(surfaces, 'templates', 'resourceTemplates');
}

function listOf(surfaces: Surfaces, part: Part, field: string): Method {
  const texts = new WeakMap<SurfaceView, string>();

  function answer({ era }: Exchange, view: SurfaceView): Reply {
    let text = texts.get(view);
    if (text === undefined) {
      text = `"${field}":${JSON.stringify(itemsOf(view, part))}`;
      texts.set(view, text);
    }
    return cacheable(era, view.isWhole ? listTtlMs : partialListTtlMs, text);
  }

  return (exchange) => {
    if (cursorOf(exchange) !== undefined) return refuseCursor();
    const view = surfaces.view(exchange.principal.scopes);
    return view instanceof Promise ? view.then((known) => answer(exchange, known)) : answer(exchange, view);
  };
}

/** A name that two services use belongs to the first of them. */
function itemsOf({ offered }: SurfaceView, part: Part): unknown[] {
  if (part === 'templates') return offered.flatMap(({ description }) => description.templates);
  const byName = new Map<string, unknown>();
  for (const prompt of offered.flatMap(({ description }) => description.prompts)) {
    if (!byName.has(prompt.name)) byName.set(prompt.name, prompt);
  }
  return [...byName.values()];
}
