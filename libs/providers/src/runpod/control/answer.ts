/** What a call of the control plane answers, and the pages and bodies that all of them share. */
import { AppError, type ErrorCode, isObject } from '@inferry/contracts';
import { withoutSecrets } from '../../errors/index.ts';
import type { RunpodWire } from './wire.ts';

/** Arguments that the tool's schema has accepted. */
export type Args = Readonly<Record<string, unknown>>;

/** A body that goes to the client as JSON; `isError` where it says why nothing was done. */
export interface NativeAnswer {
  body: unknown;
  isError?: boolean;
  /** What the refusal means, for those who do not show its words. */
  cause?: AppError;
}

export type NativeCall = (args: Args, wire: RunpodWire) => Promise<NativeAnswer>;

export type Item = Record<string, unknown>;

const defaultLimit = 20;

/** Refused before or instead of a call. */
export function refused(error: string, status?: number): NativeAnswer {
  return { body: status === undefined ? { error } : { error, status }, isError: true };
}

/** The refusal of a call that was sent, in its own words. */
export function refusedBy(cause: AppError, before = ''): NativeAnswer {
  return { ...refused(before + cause.message, cause.upstreamStatus), cause };
}

/** What a refusal means, whose body says it in the platform's words. */
export function causeOf({ body, cause }: NativeAnswer): AppError {
  if (cause !== undefined) return cause;
  const { status, error, hint } = isObject(body) ? body : {};
  const upstreamStatus = typeof status === 'number' ? status : undefined;
  return new AppError(
    codeOf(upstreamStatus),
    typeof error === 'string' ? error : 'Runpod refused the call.',
    {
      upstreamStatus,
      nextAction:
        typeof hint === 'string' ? hint : 'Change the arguments as the message says, and call again.',
    },
  );
}

function codeOf(status: number | undefined): ErrorCode {
  if (status === 402) return 'insufficient_credits';
  if (status === 501) return 'tool_not_available';
  return status === undefined || status < 500 ? 'validation_failed' : 'upstream_failed';
}

/** Without what is undefined. */
export function compact(entries: Readonly<Record<string, unknown>>): Item {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

export function strings(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Whether a text has another in it, whatever the case; nothing sought is in everything. */
export function includes(value: unknown, sought: unknown): boolean {
  return String(value ?? '')
    .toLowerCase()
    .includes(String(sought).toLowerCase());
}

/**
 * A body without the key that was sent for it: platforms repeat one in a refusal, and owners put theirs into a machine. The very
 * value where there is nothing to take out of it, as in nearly all.
 */
export function bodyWithoutSecrets(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return withoutSecrets(value, secrets);
  if (Array.isArray(value)) {
    const items = value.map((item) => bodyWithoutSecrets(item, secrets));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  if (!isObject(value)) return value;
  let isChanged = false;
  const entries = Object.entries(value).map(([name, inner]) => {
    const entry = [withoutSecrets(name, secrets), bodyWithoutSecrets(inner, secrets)] as const;
    isChanged ||= entry[0] !== name || entry[1] !== inner;
    return entry;
  });
  return isChanged ? Object.fromEntries(entries) : value;
}

/** One segment of a path: no id may lead anywhere else. */
export function segment(id: unknown): string {
  if (typeof id === 'object' && id !== null) throw new AppError('validation_failed', 'An id is text.');
  const name = String(id);
  if (name === '' || /^\.{1,2}$/.test(name)) {
    throw new AppError('not_found', 'Runpod has nothing of this id.', { upstreamStatus: 404 });
  }
  return encodeURIComponent(name);
}

/** The objects of a list, in a property or by itself. Throws where there is no list: an outage is not an empty account. */
export function itemsOf(body: unknown, key?: string): Item[] {
  const list = Array.isArray(body) ? body : isObject(body) && key !== undefined ? body[key] : undefined;
  if (Array.isArray(list)) return list.filter(isObject);
  throw new AppError(
    'upstream_malformed',
    'Runpod answered something that is not the list that was asked for.',
    {
      upstreamStatus: 200,
      nextAction: 'Nothing can be concluded from it. Try again in a moment.',
    },
  );
}

/** A page of a list (RPB-02): the cursor is the offset in base64, and one that is none begins at the start. */
export function page(items: readonly unknown[], { limit, cursor }: Args, beside: Item = {}): NativeAnswer {
  const size = typeof limit === 'number' ? limit : defaultLimit;
  const offset = typeof cursor === 'string' ? offsetOf(cursor) : 0;
  const shown = items.slice(offset, offset + size);
  const end = offset + shown.length;
  const truncated = end < items.length;
  const pagination = {
    total: items.length,
    returned: shown.length,
    offset,
    truncated,
    nextCursor: truncated ? cursorOf(end) : null,
    ...(truncated && { note: `${items.length - end} more: pass nextCursor as cursor.` }),
  };
  return { body: { ...compact(beside), items: shown, pagination } };
}

export function cursorOf(offset: number): string {
  return Buffer.from(String(offset)).toString('base64');
}

function offsetOf(cursor: string): number {
  // What begins with digits is read as far as they go, as the platform's own server does.
  const offset = Number.parseInt(Buffer.from(cursor, 'base64').toString('utf8'), 10);
  return offset > 0 ? offset : 0;
}
