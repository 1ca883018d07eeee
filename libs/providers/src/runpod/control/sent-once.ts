/** What pods and endpoints have in common when they are made: checks of CUDA versions, and a creation whose reply may be lost. */
import { AppError, isObject } from '@inferry/contracts';
import { type Args, compact, type Item, itemsOf, type NativeAnswer, refused, strings } from './answer.ts';
import type { RunpodWire, WireCall } from './wire.ts';

const exactVersion = /^\d{1,2}\.\d{1,2}$/;

/** The version of REST that is asked. */
export type Rest = 'v1' | 'v2';

/** What was checked, or why it is refused. */
export type Checked<T> = (T & { refusal?: undefined }) | { refusal: NativeAnswer };

/** CUDA versions as version 2 takes them; refused where they say too much or too little. */
export function cudaOf({ minCudaVersion: min, allowedCudaVersions: allowed }: Args): Checked<{ cuda: Item }> {
  const list = strings(allowed);
  if (min !== undefined && list !== undefined) {
    return { refusal: refused('Pass minCudaVersion or allowedCudaVersions, not both.', 400) };
  }
  const odd = [...(typeof min === 'string' && min !== '' ? [min] : []), ...(list ?? [])].find(
    (version) => !exactVersion.test(version),
  );
  if (odd !== undefined) return { refusal: refused(`"${odd}" is no CUDA version such as 12.4.`, 400) };
  return { cuda: compact({ minCudaVersion: min, allowedCudaVersions: list }) };
}

export function hasCuda({ minCudaVersion, allowedCudaVersions }: Args): boolean {
  return minCudaVersion !== undefined || allowedCudaVersions !== undefined;
}

export const cudaIsV2 = () =>
  refused('CUDA versions can be asked for on version 2 of the REST API alone (RUNPOD_REST_VERSION=v2).', 501);

/** Answers of something between us and the platform: whether it took the call is unknown. */
const lostStatuses = new Set([502, 503, 504, 520, 522, 524]);

/** What costs money is sent once. A reply that is lost is looked for by its name before anything is said of it. */
export async function sendOnce(call: WireCall & { json: Item }, wire: RunpodWire): Promise<Item> {
  const since = wire.now();
  let lost: AppError;
  try {
    const reply = await wire.send({ ...call, purpose: 'submit' });
    if (reply.status < 300 && isObject(reply.body)) return reply.body;
    if (reply.status >= 400 && !lostStatuses.has(reply.status)) throw wire.failure(reply);
    const status = reply.status < 400 ? 502 : reply.status;
    lost = new AppError('submit_unknown', lostMessage(call), { upstreamStatus: status });
  } catch (error) {
    const isLost =
      error instanceof AppError && error.upstreamStatus === undefined && error.code !== 'url_rejected';
    if (!isLost || wire.signal.aborted) throw error;
    lost = new AppError('submit_unknown', lostMessage(call), { cause: error });
  }
  const found = await findMade(call, wire, since);
  if (found === undefined) throw lost;
  return found;
}

function lostMessage({ json }: { json: Item }): string {
  return `Runpod did not say whether it made "${String(json.name ?? '')}", and no such thing is listed now. Look with the list before making it again: it may still turn up, and is billed while it exists.`;
}

/** How much the clock of the platform may be behind ours. */
const clockSkewMs = 120_000;

/** The one of this name that began after the call did; none where the name is not unique or the list cannot be read. */
async function findMade(
  { base, path, json }: WireCall & { json: Item },
  wire: RunpodWire,
  since: number,
): Promise<Item | undefined> {
  if (typeof json.name !== 'string' || json.name === '') return undefined;
  try {
    const key = path === '/serverless' ? 'endpoints' : 'pods';
    const listed = itemsOf(await wire.body({ base, path }), key).filter(({ name }) => name === json.name);
    const fresh = listed.filter(({ createdAt }) => {
      const at = Date.parse(String(createdAt ?? ''));
      return Number.isNaN(at) ? listed.length === 1 : at >= since - clockSkewMs;
    });
    const [one] = fresh;
    if (one === undefined || fresh.length > 1) return undefined;
    const note = 'The reply to its creation was lost; it was found by its name, and not made twice.';
    return { ...one, _found: note };
  } catch {
    // The list is a help alone: without it the fate stays unknown, and that is what is said.
    return undefined;
  }
}
