import { createHash } from 'node:crypto';
import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { behindProxy } from './open-route.ts';

/** Files of the input folder, as graphs name them. */
export function uploadsOf(emulator: Emulator): ReadonlySet<string> {
  const names = [...emulator.files.keys()].filter((name) => name.startsWith('input/'));
  return new Set(names.map((name) => name.slice('input/'.length).replace(/^\//, '')));
}

const uploadFields = new Set(['image', 'type', 'subfolder', 'overwrite']);

export function fileRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    behindProxy(emulator, {
      method: 'POST',
      path: '/upload/image',
      kind: 'upload',
      body: 'form',
      async handle({ body }) {
        // as: checked by the kit.
        const form = body as FormData;
        const unknown = [...form.keys()].find((name) => !uploadFields.has(name));
        if (unknown !== undefined) throw emulator.refusal('validation', `unknown field ${unknown}`);
        const image = form.get('image');
        if (!(image instanceof File)) throw emulator.refusal('validation', 'image');
        return keepUpload(emulator, image, {
          subfolder: String(form.get('subfolder') ?? ''),
          overwrite: form.get('overwrite') === 'true' || form.get('overwrite') === '1',
        });
      },
    }),
    behindProxy(emulator, {
      method: 'GET',
      path: '/view',
      kind: 'file',
      query: ['filename', 'subfolder', 'type', 'preview', 'channel', 'rand'],
      handle({ query, reply }) {
        const { filename, subfolder = '', type = 'output' } = query;
        const file = emulator.files.get(`${type}/${subfolder}/${filename}`);
        if (file === undefined) throw emulator.refusal('unknown_route');
        reply.hijack();
        reply.raw.writeHead(200, { 'content-type': file.contentType }).end(file.bytes);
        return undefined;
      },
    }),
  ];
}

/** Another file under the same name gets another name; the same file is there already. */
async function keepUpload(
  emulator: Emulator,
  image: File,
  { subfolder, overwrite }: { subfolder: string; overwrite: boolean },
): Promise<unknown> {
  const bytes = Buffer.from(await image.arrayBuffer());
  const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex');
  const at = (name: string) => `input/${subfolder}/${name}`;
  let name = image.name;
  for (let count = 1; !overwrite; count++) {
    const there = emulator.files.get(at(name));
    if (there === undefined || digest(there.bytes) === digest(bytes)) break;
    name = image.name.replace(/(\.\w+)?$/, (extension) => ` (${count})${extension}`);
  }
  emulator.files.set(at(name), { bytes, contentType: image.type });
  return { name, subfolder, type: 'input' };
}
