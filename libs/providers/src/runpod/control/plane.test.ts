import { runpodEmulator } from '@inferry/testing/emulators';
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
