import type { AdapterDefinition } from '../definition.ts';

/** ComfyUI: saved workflows of a server of one's own, each with the inputs that are marked in it. */
export const comfyui: AdapterDefinition = {
  slug: 'comfyui',
  title: 'ComfyUI',
  homepage: 'https://docs.comfy.org',
  capabilities: {
    cancel: 'real',
    progress: 'steps',
    jobs: 'remote',
    watch: true,
    recover: true,
    inputUrls: 'internal',
    outputUrls: 'internal',
  },
  facts: {
    offers: 'whatever its workflows make: images, videos, sounds, 3D, text',
    streaming: 'WebSocket: steps and previews',
    webhooks: 'none',
    idempotency: 'an id that follows from the run, by which queue and history are searched',
    schemas: 'the marked inputs of a workflow, typed by what the server says of its nodes',
    prices: 'free',
    files: 'uploaded to the server',
    failures: 'nothing: the server is your own',
    results: 'until they are deleted on the server; its history is lost when it restarts',
  },
  bases: { api: { url: 'http://127.0.0.1:8188', variable: 'COMFYUI_BASE_URL' } },
  keyVariables: ['COMFYUI_API_KEY'],
  keyless: 'always',
  settings: {
    COMFYUI_WORKFLOWS:
      'A folder of workflows in API format, one model each (docs/comfyui.md); default: two examples. All replicas of the catalog and of the poller read it.',
  },
  exceptions: {
    describes_model: 'the list has the schemas already',
    happy_sync: 'every job goes through the queue',
    no_credit: 'nobody pays: the server is one\u2019s own',
    huge_output:
      'a file behind a key is read with it, up to 256 MiB, since its link needs the key; without a key it is a link',
    hostile_key_url: 'its answers name no addresses',
    reads_balance: 'nobody pays: the server is one\u2019s own',
    webhook_good: 'no webhooks',
    webhook_forged: 'no webhooks',
    webhook_stale: 'no webhooks',
    webhook_duplicate: 'no webhooks',
  },
  unverified: [
    'servers other than 0.3.64, whose code the emulator follows',
    'audio and video uploads, which go the way of pictures',
    'workflows with nodes of the cloud (API nodes), which need a key of their own',
  ],
  create: async (options) => (await import('./adapter.ts')).createComfyUiProvider(options),
};
