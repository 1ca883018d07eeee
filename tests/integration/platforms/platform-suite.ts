import { waitFor } from '@inferry/testing';
import { type Emulators, emulatorDefinitions } from '@inferry/testing/emulators';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type AnyClient, clientKinds } from '../support/clients.ts';
import { Platform, sampleOf } from './platform.ts';
import { type PlatformCase, platformCases } from './platform-cases.ts';

/** A system all of whose platforms are emulated. */
export interface EmulatedDeployment {
  url: string;
  emulators: Emulators;
  stop(): Promise<void>;
}

const slugs = emulatorDefinitions.map(({ slug }) => slug);

/**
 * Every platform through a real MCP client and the whole system. The adapters' own suite holds each detail; here is what
 * the parts make of it together. One test a case, all platforms at once, since each has a state of its own.
 */
export function describePlatforms(title: string, start: () => Promise<EmulatedDeployment>): void {
  describe(title, () => {
    let system: EmulatedDeployment;
    let client: AnyClient;
    beforeAll(async () => {
      system = await start();
      client = await connect(`${system.url}/mcp`);
      await Promise.all(slugs.map((slug) => untilListed(client, sampleOf(slug).model)));
    }, 120_000);
    afterEach(() => {
      const violations = system.emulators.all().flatMap((emulator) => emulator.violations);
      for (const emulator of system.emulators.all()) emulator.reset();
      expect(violations).toEqual([]);
    });
    afterAll(async () => {
      await client?.close();
      await system?.stop();
    }, 60_000);

    test.each(platformCases)('$title', async (one) => {
      const of = slugs.filter((slug) => one.appliesTo?.(slug) ?? true);
      const failures = of.map((slug) =>
        failureOf(one, new Platform(slug, { client, emulator: system.emulators.of(slug) })),
      );

      expect((await Promise.all(failures)).flat()).toEqual([]);
    });
  });
}

/** Named by its platform, so that one that fails hides no other. */
async function failureOf({ check }: PlatformCase, platform: Platform): Promise<string[]> {
  try {
    await check(platform);
    return [];
  } catch (error) {
    return [`${platform.slug}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function connect(url: string): Promise<AnyClient> {
  const open = clientKinds['SDK v2, pinned to 2026-07-28'];
  if (open === undefined) throw new Error('there is no such client');
  return open(url);
}

async function untilListed(client: AnyClient, model: string): Promise<void> {
  const read = async () => ((await client.call('get_model', { model })).isError === true ? undefined : true);
  await waitFor(read, { what: `${model} to be listed`, timeoutMs: 60_000 });
}
