import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { comfyNodes } from './node-types.ts';
import { behindProxy } from './open-route.ts';

export function catalogRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    behindProxy(emulator, {
      method: 'GET',
      path: '/object_info',
      kind: 'catalog',
      handle: () => comfyNodes,
    }),
    behindProxy(emulator, {
      method: 'GET',
      path: '/object_info/:type',
      kind: 'describe',
      // Nothing at all for a node that it does not have.
      handle: ({ params: { type = '' } }) =>
        comfyNodes[type] === undefined ? {} : { [type]: comfyNodes[type] },
    }),
    behindProxy(emulator, {
      method: 'GET',
      path: '/system_stats',
      kind: 'probe',
      handle: () => ({
        system: { os: 'posix', comfyui_version: '0.3.64', python_version: '3.12.3', argv: ['main.py'] },
        devices: [{ name: 'cuda:0', type: 'cuda', index: 0, vram_total: 24e9, vram_free: 20e9 }],
      }),
    }),
    behindProxy(emulator, {
      method: 'GET',
      path: '/embeddings',
      kind: 'other',
      handle: () => ['easynegative'],
    }),
  ];
}
