import { runpodEmulator } from '@inferry/testing/emulators';
import { expect, it } from 'vitest';
import { parseProvidersConfig } from '../../config.ts';
import { describeControlPlane, type PlaneSubject } from '../../contract-suite/control-plane.ts';
import { runpod } from '../definition.ts';

const spec = { name: 'a machine', image: 'runpod/pytorch:2.8.0', gpu_type_ids: ['NVIDIA GeForce RTX 4090'] };
const samples: PlaneSubject['samples'] = {
  pod: { spec: { ...spec, gpu_count: 2 }, patch: { name: 'another name' } },
  endpoint: {
    spec: { name: 'an endpoint', image: 'i:1', gpu_pool_ids: ['ADA_24'], workers_max: 2 },
    patch: { workers_max: 3 },
  },
  template: { spec: { name: 'a template', image: 'i:1', env: { A: '1' } }, patch: { name: 'its new name' } },
  network_volume: { spec: { name: 'a volume', size: 20, data_center_id: 'US-KS-2' }, patch: { size: 30 } },
  registry_auth: { spec: { name: 'a registry', username: 'u', password: 'p' } },
  registry_delegation: { spec: { resource: 'arn:aws:ecr:us-east-2:123456789012:repository/a/b', name: 'd' } },
};

describeControlPlane({ definition: runpod, emulator: runpodEmulator, samples });

it('is where the environment says, each part of it [RP-37][RP-62][RP-63][RP-64]', () => {
  const bases = {
    RUNPOD_SERVERLESS_API_URL: 'https://runtime.example/v2',
    RUNPOD_REST_V2_API_URL: 'https://rest.example/v2',
    RUNPOD_REST_API_URL: 'https://rest.example/v1',
  };
  const { instances } = parseProvidersConfig({ PROVIDERS: 'runpod', RUNPOD_API_KEY: 'rpa_1', ...bases });

  expect(instances[0]?.options.bases).toMatchObject({
    ...{
      api: 'https://runtime.example/v2',
      rest: 'https://rest.example/v2',
      rest1: 'https://rest.example/v1',
    },
  });
});

it('reads its versions at the start, and refuses each one that there is not in a line [RP-65]', async () => {
  const settings = { RUNPOD_REST_VERSION: 'v3', RUNPOD_REST_VERSION_PODS: 'two' };
  const options = { slug: 'runpod', title: 'Runpod', capabilities: runpod.capabilities, settings };
  const bases = { api: 'https://runtime.example' };
  const opened = runpod.control?.({
    ...options,
    bases,
    allowPrivateHosts: false,
    now: Date.now,
    random: Math.random,
  });

  await expect(opened).rejects.toMatchObject({
    problems: [
      'RUNPOD_REST_VERSION: "v3" is neither v1, v2 nor auto',
      'RUNPOD_REST_VERSION_PODS: "two" is neither v1, v2 nor auto',
    ],
  });
});
