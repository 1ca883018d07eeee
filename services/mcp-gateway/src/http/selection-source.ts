/** Where an HTTP request says which tools it wants: in its path, its query and its headers. */
import { Recent } from '@inferry/contracts';
import { type Asked, type Offer, type Refusal, refuseParams, type Selection } from '@inferry/mcp';

export interface SelectionSource {
  /** Path and query as sent. */
  url: string;
  toolsetsHeader: string | undefined;
  excludeHeader: string | undefined;
  readOnlyHeader: string | undefined;
}

const maxLength = 2_000;
const seenBy = new WeakMap<Offer, Recent<Selection | Refusal>>();

/** Selections are made once each and kept while they are in use. */
export function readSelection(offer: Offer, source: SelectionSource): Selection | Refusal {
  const { url, toolsetsHeader, excludeHeader, readOnlyHeader } = source;
  const hasHeaders =
    toolsetsHeader !== undefined || excludeHeader !== undefined || readOnlyHeader !== undefined;
  if (!hasHeaders && isPlain(url, offer)) return offer.select();
  const key = `${url}\n${toolsetsHeader ?? ''}\n${excludeHeader ?? ''}\n${readOnlyHeader ?? ''}`;
  if (key.length > maxLength)
    return refuseParams(['validation_failed', 'The selection of tools is too long.']);
  const seen = seenBy.get(offer) ?? new Recent(200);
  seenBy.set(offer, seen);
  const known = seen.get(key);
  if (known !== undefined) return known;
  const selection = offer.select(toAsked(source));
  seen.set(key, selection);
  return selection;
}

/** An address that asks for nothing in particular. */
function isPlain(url: string, { profile }: Offer): boolean {
  return url === '/mcp' || url === (profile.key === 'inferry' ? '/' : `/mcp/${profile.key}`);
}

function toAsked({ url, toolsetsHeader, excludeHeader, readOnlyHeader }: SelectionSource): Asked {
  const { pathname, searchParams } = new URL(url, 'http://gateway');
  const parts = pathname.split('/');
  // Below `/mcp` or below the mount of a profile.
  const at = parts[2] === 'x' ? 2 : 3;
  const isNarrowPath = parts[at] === 'x';
  const [inPath, last] = [parts[at + 1], parts[at + 2]];
  return {
    toolsets: [
      isNarrowPath ? decode(inPath) : undefined,
      searchParams.get('toolsets') || undefined,
      toolsetsHeader,
    ].filter((list) => list !== undefined),
    excluded: [searchParams.get('exclude') ?? '', excludeHeader ?? ''],
    isReadOnly:
      (isNarrowPath && last === 'readonly') || isTrue(searchParams.get('readonly')) || isTrue(readOnlyHeader),
  };
}

/** Where one of several copies says so, it is so: a source can only take away. */
function isTrue(value: string | null | undefined): boolean {
  if (value === null || value === undefined) return false;
  return (
    value === '' ||
    value
      .toLowerCase()
      .split(',')
      .some((item) => ['1', 'true'].includes(item.trim()))
  );
}

function decode(segment: string | undefined): string {
  try {
    return decodeURIComponent(segment ?? '');
  } catch {
    // A broken escape names no toolset, and is refused as such.
    return '%';
  }
}
