import { expect } from 'vitest';
import { definitionOf, type Platform, sampleOf } from './platform.ts';

export interface PlatformCase {
  title: string;
  /** The platforms that it applies to; default: every one. */
  appliesTo?: (slug: string) => boolean;
  check(platform: Platform): Promise<void>;
}

/** Every platform as a caller meets it. */
export const platformCases: readonly PlatformCase[] = [
  {
    title: 'finds, describes and prices a model',
    async check(platform) {
      const { model, input } = platform.sample;
      const found = await platform.call('search_models', { provider: platform.slug });
      const described = await platform.call('get_model', { model, sections: ['inputs', 'schema'] });
      const priced = await platform.call('estimate_cost', { model, input });

      expect(found.items).toEqual(expect.arrayContaining([expect.objectContaining({ model })]));
      expect(described).toMatchObject({ schema: { type: 'object' }, inputs: expect.any(Array) });
      expect(priced.error).toBeUndefined();
      expect(platform.submissions()).toBe(0);
    },
  },
  {
    title: 'runs a model to its output, which is kept',
    async check(platform) {
      const run = await platform.run();

      expect(run.status).toBe('succeeded');
      expect(run.outputs?.map(({ kind }) => kind)).toEqual([platform.sample.output]);
      for (const { asset_id: asset, text } of run.outputs ?? []) expect(asset ?? text).toBeTruthy();
      expect(platform.submissions()).toBe(1);
    },
  },
  {
    title: 'hands a file of the caller to the platform',
    appliesTo: (slug) => sampleOf(slug).file !== undefined,
    async check(platform) {
      const { file } = platform.sample;
      if (file === undefined) throw new Error('has no file sample');
      const asset = await platform.upload();
      const value = file.isList === true ? [asset] : asset;

      const run = await platform.run({ model: file.model, input: { ...file.input, [file.field]: value } });

      expect(run.status).toBe('succeeded');
    },
  },
  {
    title: 'tells the caller of progress while a run goes on',
    async check(platform) {
      const steps: number[] = [];
      await platform.run({ onProgress: (step) => steps.push(step) });

      expect(steps.length).toBeGreaterThan(0);
      expect(steps).toEqual([...steps].sort((left, right) => left - right));
    },
  },
  {
    title: 'cancels as honestly as the platform can',
    async check(platform) {
      platform.emulator.script({ states: ['running'] });
      const started = await platform.start();
      await platform.untilSubmitted();

      const { outcome } = await platform.call('cancel_run', { run_id: started.run_id });

      const { cancel } = platform.capabilities;
      expect(outcome).toMatch(cancel === 'none' ? /^unsupported$/ : /^(confirmed|requested|unsupported)$/);
      if (cancel === 'cosmetic') expect(outcome).not.toBe('confirmed');
      // What goes on there ends before the next case.
      for (const job of platform.emulator.jobs.values()) job.state = 'cancelled';
      await platform.untilOver(started.run_id);
    },
  },
  {
    title: 'passes on what the platform finds wrong with an input, and charges nothing',
    async check(platform) {
      platform.emulator.script({ refuse: 'validation' });

      const outcome = await platform.outcome();

      expect(outcome).toMatchObject({ code: 'validation_failed', charged: 0 });
      expect(platform.submissions()).toBe(1);
    },
  },
  {
    title: 'says that there is no credit left',
    appliesTo: (slug) => definitionOf(slug).exceptions.no_credit === undefined,
    async check(platform) {
      platform.emulator.script({ refuse: 'no_credit' });

      expect((await platform.outcome()).code).toBe('insufficient_credits');
    },
  },
  {
    title: 'waits as long as the platform asks, tells the caller meanwhile, and runs then',
    async check(platform) {
      platform.emulator.script({ rate429: 1, retryAfterSeconds: 4 });
      const started = await platform.start();

      if (platform.hasKey) await platform.untilLimited();

      expect(await platform.untilOver(started.run_id)).toBe('succeeded');
      expect(platform.emulator.jobs.size).toBe(1);
    },
  },
  {
    title: 'reads on when the platform fails for a moment',
    async check(platform) {
      platform.emulator.script({ on: ['status', 'result'], failFirst: { times: 2 } });

      expect((await platform.run()).status).toBe('succeeded');
    },
  },
  {
    title: 'says why a run failed',
    async check(platform) {
      platform.emulator.script({ states: ['failed'], failWith: { kind: 'generate', message: 'no luck' } });

      const outcome = await platform.outcome();

      // Some say why in words of their own.
      expect(outcome.code).toMatch(/^(generate_failed|upstream_failed|validation_failed)$/);
      expect(outcome.message?.length).toBeGreaterThan(10);
    },
  },
  {
    title: 'finds a run again whose submit got no reply, or fails it, and never submits twice',
    async check(platform) {
      platform.emulator.script({ dropReplyAfterAccept: true });

      const outcome = await platform.outcome();

      expect(platform.submissions()).toBe(1);
      if (platform.capabilities.recover) expect(outcome.status).toBe('succeeded');
      else expect(outcome.code).toBe('submit_unknown');
    },
  },
  {
    title: 'returns what there is when a part failed',
    appliesTo: (slug) => sampleOf(slug).isPartial === true,
    async check(platform) {
      platform.emulator.script({ outputs: 2, failedOutputs: 1 });

      const run = await platform.run();

      expect(run.status).toBe('succeeded');
      expect(run.outputs).toHaveLength(1);
    },
  },
];
