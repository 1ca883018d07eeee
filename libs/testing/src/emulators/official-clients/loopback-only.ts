/**
 * A fetch for official clients in tests that fails on every address but loopback, so that none of them ever reaches a
 * real platform; `guardGlobalFetch` holds for clients that pass their own fetch by.
 */
export const loopbackFetch: typeof fetch = (input, init) => {
  const url = new URL(typeof input === 'string' || input instanceof URL ? input : input.url);
  if (url.hostname !== '127.0.0.1') throw new Error(`a test would have called ${url.origin}`);
  return originalFetch(input, init);
};

const originalFetch = globalThis.fetch;

/** Until the returned function is called. */
export function guardGlobalFetch(): () => void {
  globalThis.fetch = loopbackFetch;
  return () => {
    globalThis.fetch = originalFetch;
  };
}
