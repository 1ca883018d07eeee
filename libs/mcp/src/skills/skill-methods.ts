import { hash } from 'node:crypto';
import type { Exchange, Method, Reply } from '../exchange.ts';
import { refuseParams } from '../json-rpc.ts';
import { cacheable, cursorOf, listTtlMs, partialListTtlMs, refuseCursor } from '../lists.ts';
import { refuseResource } from '../surfaces/refuse-failure.ts';
import type { Surfaces, SurfaceView } from '../surfaces/surfaces.ts';
import { indexSkills, type SkillIndex } from './skill-index.ts';

export const skillsExtension = 'io.modelcontextprotocol/skills';
/** What this server says of it: folders can be read too. */
export const skillsSettings = { directoryRead: true };

/**
 * The Skills extension (SEP-2640), the same in both eras: what services offer is kept in memory, so that nothing but
 * reading a file (`resources/read`) costs a message.
 */
export function skillMethods(surfaces: Surfaces): [string, Method][] {
  const indexes = new WeakMap<SurfaceView, SkillIndex>();

  function indexOf(view: SurfaceView): SkillIndex {
    const known = indexes.get(view) ?? indexSkills(view);
    indexes.set(view, known);
    return known;
  }

  function withIndex(answer: (exchange: Exchange, index: SkillIndex, ttlMs: number) => Reply): Method {
    return async (exchange) => {
      const view = await surfaces.view(exchange);
      return answer(exchange, indexOf(view), view.isWhole ? listTtlMs : partialListTtlMs);
    };
  }

  return [
    ['skills/list', withIndex(listSkills)],
    ['skills/get', withIndex(getSkill)],
    ['resources/directory/read', withIndex(readFolder)],
  ];
}

function listSkills(exchange: Exchange, { pages }: SkillIndex, ttlMs: number): Reply {
  const cursor = cursorOf(exchange);
  const index =
    cursor === undefined ? 0 : pages.findIndex((_, at) => at > 0 && toCursor(pages, at) === cursor);
  const page = pages[index];
  if (page === undefined) return refuseCursor();
  const next = index + 1 < pages.length ? `,"nextCursor":"${toCursor(pages, index + 1)}"` : '';
  return skillResult(ttlMs, `${page}${next}`);
}

function getSkill({ request }: Exchange, { bySkill }: SkillIndex, ttlMs: number): Reply {
  return found(request.params.uri, bySkill, ttlMs);
}

/** Everything that is in a folder fits one page. */
function readFolder(exchange: Exchange, { byFolder }: SkillIndex, ttlMs: number): Reply {
  if (cursorOf(exchange) !== undefined) return refuseCursor();
  return found(exchange.request.params.uri, byFolder, ttlMs);
}

function found(uri: unknown, known: ReadonlyMap<string, string>, ttlMs: number): Reply {
  if (typeof uri !== 'string') return refuseParams(['validation_failed', 'params.uri must be a string.']);
  const text = known.get(uri);
  // The extension has one code for it, whatever the era.
  return text === undefined ? refuseResource('modern', uri.slice(0, 2_048)) : skillResult(ttlMs, text);
}

/** The extension's results have these fields in every revision of the protocol. */
function skillResult(ttlMs: number, rest: string): string {
  return cacheable('modern', ttlMs, rest);
}

/** A page of a list that is another one now is not found again. */
function toCursor(pages: readonly string[], index: number): string {
  return `${index}.${hash('sha256', pages.join(), 'base64url').slice(0, 16)}`;
}
