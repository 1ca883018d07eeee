/** The poller as a part of a deployment: what it needs, what it reads of its environment, and how it is made of both. */
import { type OpenedPlatforms, openPlatforms, readProvidersConfig } from '@inferry/providers';
import { readAll, type ServiceDefinition } from '@inferry/runtime';
import { type InferenceConfig, parseInferenceConfig } from './config.ts';
import { quoteSecretOf } from './runs/quotes.ts';
import { createInferenceService } from './service.ts';

/** What a process that holds more than this service says of its journal. */
interface Journal {
  journalFolder?: string;
  isJournalOwn?: boolean;
}

interface SharedByInference {
  platforms: OpenedPlatforms;
  journal: Journal;
}

type Settings = [InferenceConfig, OpenedPlatforms, Journal];

export const inferenceDefinition: ServiceDefinition<Settings, SharedByInference> = {
  name: 'inference-poller',
  needs: { database: true, blobs: false },
  configure: async ({ env, log, runtime }, shared) => {
    const [config, platforms] = await readAll([
      () => parseInferenceConfig(env),
      async () => {
        if (shared !== undefined) return { ...shared.platforms, close: async () => undefined };
        // First: what is wrong with it is told even if something else is wrong as well.
        const config = await readProvidersConfig(env);
        return openPlatforms(config, runtime().extraProviders, { log });
      },
    ]);
    return [config, platforms, shared?.journal ?? {}];
  },
  async create(parts, { settings: [config, platforms, journal], publicUrl, secrets }) {
    const service = await createInferenceService(parts, {
      ...config,
      ...journal,
      journalFolder: config.journalFolder ?? journal.journalFolder,
      providers: platforms.providers,
      webhookSecret: secrets.of('webhooks'),
      hookSecret: secrets.of('hooks'),
      quoteSecret: quoteSecretOf(secrets.of('hooks')),
      publicUrl,
    });
    return {
      ...service,
      async close() {
        await service.close();
        await platforms.close();
      },
    };
  },
};
