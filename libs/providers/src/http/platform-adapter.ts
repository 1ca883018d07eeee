import { z } from 'zod';
import type { AdapterOptions } from '../definition.ts';
import type { ProviderCapabilities, RunOptionsSchema } from '../provider.ts';
import { ListReader } from './list-reader.ts';
import { PlatformClient, type PlatformClientOptions } from './platform-client.ts';

/** How a platform is spoken to, beside what its configuration says. */
export type PlatformHttp = Omit<PlatformClientOptions, 'title' | 'bases' | 'allowPrivateHosts' | 'random'>;

/** What every adapter of a platform behind HTTP begins with; each adds the calls of its platform. */
export abstract class PlatformAdapter {
  readonly slug: string;
  readonly title: string;
  readonly capabilities: ProviderCapabilities;
  /** Its client does, whatever the platform. */
  readonly announcesSubmit = true;
  readonly needsKey: boolean;
  readonly howToConnect: string;
  protected readonly client: PlatformClient;
  /** For whatever the platform lists. */
  protected readonly lists: ListReader;
  readonly runOptions: RunOptionsSchema;

  /** A key goes as a bearer token where the platform does not want it otherwise. */
  constructor(options: AdapterOptions, http: PlatformHttp) {
    const { slug, title, capabilities, bases, allowPrivateHosts, random, log } = options;
    this.slug = slug;
    this.title = title;
    this.capabilities = capabilities;
    this.lists = new ListReader(slug, log);
    this.runOptions = options.runOptions ?? z.strictObject({});
    this.needsKey = options.needsKey ?? false;
    this.howToConnect = options.howToConnect ?? '';
    this.client = new PlatformClient({
      ...{ title, bases, allowPrivateHosts, random },
      authorize: (key) => ({ authorization: `Bearer ${key}` }),
      ...http,
    });
  }

  /** Of its own it lacks nothing: keys are its callers', and who has one is known to the vault alone. */
  ready(): { isReady: boolean } {
    return { isReady: true };
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
