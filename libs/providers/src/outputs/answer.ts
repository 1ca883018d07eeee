import { isObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import type { JobView } from '../provider.ts';
import { outputsWith } from './files-in.ts';
import { rawOf } from './raw.ts';

export interface AnswerFacts {
  upstreamStatus: string;
  /** When its links stop working. */
  expiresAt?: string | undefined;
  /** Fewer outputs than were asked for. */
  isPartial?: boolean | undefined;
}

const flagNames = /^(has_?)?(nsfw|unsafe)(_?(concepts?|contents?|content_?detected|detected))?$|^flagged$/i;
const seedNames = /^(seed|random_?seed|used_?seed)$/i;
const maxNotes = 6;
const maxDepth = 4;

/**
 * What a model answered as the end of its job: files, text or JSON, what else it says of them (a flag of a filter, the
 * seed), and the whole for `include: raw`. An empty text is an answer; nothing at all is none.
 */
export function answered(answer: unknown, facts: AnswerFacts): JobView {
  const { upstreamStatus, expiresAt, isPartial } = facts;
  const { outputs, left } = outputsWith(answer, { expiresAt });
  const raw = rawOf(answer);
  if (outputs.length === 0) {
    const message = 'The model says that it is done and gave no output.';
    return {
      ...{ status: 'failed', upstreamStatus, error: { code: 'upstream_failed', message } },
      ...(raw !== undefined && { raw }),
    };
  }
  const notes = [
    ...(left > 0
      ? [`The model made ${outputs.length + left} outputs; the first ${outputs.length} are kept.`]
      : []),
    ...notesOf(answer),
  ];
  return {
    ...{ status: 'succeeded', upstreamStatus, progress: 1, outputs },
    ...(raw !== undefined && { raw }),
    ...(notes.length > 0 && { notes: notes.slice(0, maxNotes) }),
    ...(isPartial === true && { isPartial }),
  };
}

/** What a model says beside its outputs and a reader of them has to know. */
export function notesOf(answer: unknown): string[] {
  const told: string[] = [];
  const seeds = new Set<string>();
  const walk = (value: unknown, depth: number): void => {
    if (depth > maxDepth || told.length + seeds.size > 64) return;
    if (Array.isArray(value)) for (const item of value.slice(0, 64)) walk(item, depth + 1);
    if (!isObject(value)) return;
    for (const [name, inner] of Object.entries(value).slice(0, 200)) {
      if (flagNames.test(name)) told.push(...flagNote(name, inner));
      else if (seedNames.test(name) && (typeof inner === 'number' || isDigits(inner)))
        seeds.add(String(inner));
      else if (name !== 'input') walk(inner, depth + 1);
    }
  };
  walk(answer, 0);
  const seed = seeds.size === 0 ? [] : [`Seed: ${[...seeds].slice(0, 4).join(', ')}.`];
  return [...new Set(told), ...seed];
}

/** `true`, `[false, true]`: of which outputs the platform's filter thinks that they are unsafe. */
function flagNote(name: string, value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  const flagged = list.flatMap((flag, index) => (flag === true ? [index + 1] : []));
  if (flagged.length === 0) return [];
  const which = list.length === 1 ? 'The output was' : `Output ${flagged.slice(0, 16).join(', ')} was`;
  const what = cleanText(name, { maxLength: 60 });
  return [`${which} flagged by the platform as NSFW (${what}); a filter may have blanked it.`];
}

function isDigits(value: unknown): boolean {
  return typeof value === 'string' && /^\d{1,40}$/.test(value);
}
