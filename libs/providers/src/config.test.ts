import { describe, expect, it } from 'vitest';
import { parseProvidersConfig } from './config.ts';

const slugs = (env: Record<string, string>) => {
  const { hasLocal, instances } = parseProvidersConfig(env);
  return [...(hasLocal ? ['local'] : []), ...instances.map(({ options }) => options.slug)];
};

describe('which providers a deployment has', () => {
  it('is the local models alone when nothing is set', () => {
    expect(slugs({})).toEqual(['local']);
  });

  it('adds each platform whose key or base URL is set', () => {
    expect(slugs({ OPENAI_API_KEY: 'sk-x', OLLAMA_BASE_URL: 'http://127.0.0.1:11434/v1' })).toEqual([
      'local',
      'openai',
      'ollama',
    ]);
  });

  it('is what PROVIDERS says, and nothing else', () => {
    expect(slugs({ PROVIDERS: 'openai, vllm', FAL_KEY: 'x' })).toEqual(['openai', 'vllm']);
  });

  it('can have several of one kind', () => {
    const { instances } = parseProvidersConfig({
      PROVIDERS: 'local,my-vllm:openai',
      MY_VLLM_BASE_URL: 'http://10.0.0.7:8000/v1/',
    });

    expect(instances[0]?.options).toMatchObject({
      slug: 'my-vllm',
      title: 'OpenAI (my-vllm)',
      bases: { api: 'http://10.0.0.7:8000/v1' },
    });
  });

  it('has the platforms whose keys callers bring along', () => {
    expect(slugs({ MCP_ACCEPTED_KEY_PREFIXES: 'rf_live_=runflow,r8_=replicate' })).toEqual([
      'local',
      'runflow',
      'replicate',
    ]);
  });

  it('knows which are useless without a key: all but servers of one’s own', () => {
    const base = { MY_VLLM_BASE_URL: 'http://10.0.0.7:8000/v1', SECOND_FAL_BASE_URL: 'https://fal.example' };
    const PROVIDERS = 'openai,my-vllm:openai,vllm,ollama,comfyui,fal,second-fal:fal,bfl,huggingface';
    const { instances } = parseProvidersConfig({
      PROVIDERS,
      ...base,
      OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
    });

    const keyless = instances.filter(({ options }) => options.needsKey !== true);

    expect(keyless.map(({ options }) => options.slug)).toEqual(['my-vllm', 'vllm', 'ollama', 'comfyui']);
    expect(instances.every(({ options }) => options.howToConnect !== undefined)).toBe(true);
  });

  it('goes to the emulators with every platform', () => {
    const { instances } = parseProvidersConfig({ INFERRY_EMULATORS: 'http://127.0.0.1:8091/' });

    const openai = instances.find(({ options }) => options.slug === 'openai');
    expect(openai?.options.bases.api).toBe('http://127.0.0.1:8091/openai');
    expect(instances.map(({ options }) => options.slug)).not.toContain('vllm');
  });

  it('names every problem at once', () => {
    const parse = () =>
      parseProvidersConfig({ PROVIDERS: 'nowhere,Upper:openai,openai', OPENAI_BASE_URL: 'ftp://x' });

    expect(parse).toThrow(/no adapter "nowhere"[\s\S]*"Upper" is no slug[\s\S]*OPENAI_BASE_URL: must be/);
  });
});
