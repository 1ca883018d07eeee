import { findBinary, requireBinary } from './binaries.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * A Chromium of this machine: `CHROMIUM_PATH`, else one that is on the path, else the system's package, installed where
 * that is possible.
 */
export async function findChromium(): Promise<string> {
  const given = process.env.CHROMIUM_PATH;
  if (given !== undefined && given !== '') return given;
  for (const name of names) {
    const found = await findBinary(name);
    if (found !== undefined) return found;
  }
  return requireBinary('chromium');
}

/** For a headless browser that talks to nobody but the page under test. */
export const chromiumFlags: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
