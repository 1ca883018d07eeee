import { type Emulator, type EmulatorDefinition, startEmulators } from '../index.ts';

/** One emulated platform, asked as a client asks: for tests that hold its replies against what is published of it. */
export interface Specified {
  emulator: Emulator;
  /** `path` below a base, or a whole address that the platform gave. */
  ask(path: string, call?: SpecifiedCall): Promise<{ status: number; body: unknown }>;
  /** The events of a reply that streams, without the last word of OpenAI's. */
  events(path: string, json: unknown): Promise<unknown[]>;
  close(): Promise<void>;
}

interface SpecifiedCall {
  base?: string;
  method?: string;
  json?: unknown;
  form?: Record<string, string | Blob>;
}

export async function openSpecified(definition: EmulatorDefinition): Promise<Specified> {
  const emulators = await startEmulators({ definitions: [definition] });
  const emulator = emulators.of(definition.slug);
  const send = (path: string, { base = 'api', json, form, ...call }: SpecifiedCall) => {
    const isSent = json !== undefined || form !== undefined;
    return fetch(path.startsWith('http') ? path : emulator.base(base) + path, {
      method: call.method ?? (isSent ? 'POST' : 'GET'),
      headers: {
        ...emulator.authorization(),
        ...(json !== undefined && { 'content-type': 'application/json' }),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(form !== undefined && { body: toForm(form) }),
    });
  };
  return {
    emulator,
    async ask(path, call = {}) {
      const reply = await send(path, call);
      const text = await reply.text();
      return { status: reply.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
    },
    async events(path, json) {
      const text = await (await send(path, { json })).text();
      const data = [...text.matchAll(/^data: (\{.*)$/gm)];
      return data.map(([, event = '']) => JSON.parse(event) as unknown);
    },
    close: () => emulators.close(),
  };
}

function toForm(fields: Record<string, string | Blob>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}
