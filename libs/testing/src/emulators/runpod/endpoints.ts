/** What an endpoint of the emulated platform answers. */
export type EmulatedWorker = 'image' | 'video' | 'audio' | 'text' | 'comfyui' | 'echo';

export interface EmulatedEndpoint {
  id: string;
  worker: EmulatedWorker;
  isPublic: boolean;
}

/** Public endpoints are everybody's; the others belong to the emulated account. */
export const runpodEndpoints: readonly EmulatedEndpoint[] = [
  { id: 'black-forest-labs-flux-1-dev', worker: 'image', isPublic: true },
  { id: 'wan-2-6-t2v', worker: 'video', isPublic: true },
  { id: 'minimax-speech-02-hd', worker: 'audio', isPublic: true },
  { id: 'qwen3-32b-awq', worker: 'text', isPublic: true },
  { id: 'brand-new-model', worker: 'image', isPublic: true },
  { id: '4m7x2k9q', worker: 'comfyui', isPublic: false },
  { id: '8vllm3k1', worker: 'text', isPublic: false },
  { id: 'ep1', worker: 'echo', isPublic: false },
];

export function findEndpoint(id: string): EmulatedEndpoint | undefined {
  return runpodEndpoints.find((endpoint) => endpoint.id === id);
}
