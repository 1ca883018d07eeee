import { adapters, openInstance, type Provider, parseProvidersConfig } from '@inferry/providers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { optionProblems } from '../rpc/prepare-run.ts';

const providers = new Map<string, Provider>();
beforeAll(async () => {
  const env = { PROVIDERS: 'runpod,fal,runware,modelrunner,replicate' };
  for (const instance of parseProvidersConfig(env, adapters).instances) {
    const provider = await openInstance(instance);
    providers.set(provider.slug, provider);
  }
});
afterAll(() => Promise.all([...providers.values()].map((provider) => provider.close())));

function problems(slug: string, options: Record<string, unknown>) {
  const provider = providers.get(slug);
  if (provider === undefined) throw new Error(`${slug} is not open`);
  return optionProblems(provider, options);
}

describe('options of a run', () => {
  it.each<[string, Record<string, unknown>]>([
    ['runpod', { ttl_seconds: 60, low_priority: true, execution_timeout_seconds: 600, stream: false }],
    ['fal', { priority: 'low', start_timeout_seconds: 2.5 }],
    ['modelrunner', { priority: 'normal' }],
    ['runware', { task_type: 'imageInference' }],
    ['replicate', { ttl_seconds: 60 }],
    ['replicate', {}],
  ])('of %s are taken: %j', (slug, options) => {
    expect(problems(slug, options)).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['runpod', { lowPriority: true }, 'options.lowPriority'],
    ['runpod', { low_priority: 'yes' }, 'options.low_priority'],
    ['runpod', { execution_timeout_seconds: 1 }, 'options.execution_timeout_seconds'],
    ['fal', { prority: 'low' }, 'options.prority'],
    ['replicate', { webhook: 'https://example.com' }, 'options.webhook'],
    ['runware', { task_type: 7 }, 'options.task_type'],
  ])('of %s are refused by name where they are none or of another type: %j', (slug, options, path) => {
    expect(problems(slug, options)).toMatchObject([{ path, message: expect.any(String) }]);
  });

  it('are refused in words that need no library, with those that there are, each once', () => {
    expect(problems('fal', { nonsense: 1 })).toEqual([
      {
        path: 'options.nonsense',
        message: 'is no option of fal',
        hint: 'known: ttl_seconds, priority, start_timeout_seconds',
      },
    ]);
    const wrong = [
      ...problems('runpod', { low_priority: 'yes', execution_timeout_seconds: 1 }),
      ...problems('runware', { task_type: 7 }),
    ];
    expect(wrong.map(({ path, message }) => `${path} ${message}`)).toEqual([
      expect.stringMatching(/^options\.execution_timeout_seconds is too small$/),
      'options.low_priority must be true or false',
      'options.task_type must be text',
    ]);
  });

  it('that carry keys are refused, and what they hold is not repeated', () => {
    const s3Config = { accessId: 'AKIA', accessSecret: 'SECRETSECRET', bucketName: 'b' };

    const told = problems('runpod', { s3Config, webhook: 'https://example.com/?token=SECRETSECRET' });

    expect(told.map(({ path }) => path)).toEqual(['options.s3Config', 'options.webhook']);
    expect(JSON.stringify(told)).not.toContain('SECRET');
    expect(JSON.stringify(problems('fal', { s3Config }))).not.toContain('SECRET');
  });
});
