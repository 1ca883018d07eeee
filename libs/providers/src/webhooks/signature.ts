/** Whether a webhook is what it claims to be. `reason` is ours, for logs: it holds nothing of the message. */
export type SignatureVerdict = { isGenuine: true } | { isGenuine: false; reason: SignatureFault };

export type SignatureFault = 'unsigned' | 'malformed' | 'stale' | 'forged' | 'no_key';

/** A message as it came. */
export interface SignedMessage {
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  rawBody: Uint8Array;
}

/** How far the sender's clock and a slow network may be off, before a message counts as a replay. */
export const defaultToleranceSeconds = 300;

export const genuine: SignatureVerdict = { isGenuine: true };

export function refused(reason: SignatureFault): SignatureVerdict {
  return { isGenuine: false, reason };
}

/** Whether a time in whole seconds since 1970 is close enough to `now` (milliseconds). */
export function isFresh(seconds: string, now: number, toleranceSeconds = defaultToleranceSeconds): boolean {
  return /^\d{1,12}$/.test(seconds) && Math.abs(Number(seconds) - now / 1_000) <= toleranceSeconds;
}
