import { createHash } from 'node:crypto';
import { FormData } from 'undici';
import type { PlatformClient } from '../http/index.ts';
import { loadFiles } from '../http/index.ts';
import type { ProviderContext, SubmitRequest } from '../provider.ts';
import { markedInputs } from './marked-inputs.ts';
import { isSeed, mediumOfField } from './to-model.ts';
import type { WorkflowFile } from './wire.ts';
import { type Graph, type NodeTypes, Uploaded } from './wire.ts';

/** Of the input folder of the server, so that nobody's own files are in the way. */
const subfolder = 'inferry';
const maxSeed = 2 ** 48;

export interface FillOptions {
  workflow: WorkflowFile;
  types: NodeTypes;
  client: PlatformClient;
  context: ProviderContext;
  random: () => number;
}

/** The graph of one run: a caller's values in the places that are marked for them, its files uploaded. */
export async function fillGraph(request: SubmitRequest, options: FillOptions): Promise<Graph> {
  const { workflow, types, context, random } = options;
  const graph = structuredClone(workflow.graph);
  for (const input of markedInputs(workflow)) {
    const inputs = graph[input.node]?.inputs;
    if (inputs === undefined) continue;
    const given = request.input[input.name];
    if (given === undefined || given === null) {
      if (isSeed(input.field)) inputs[input.field] = Math.floor(random() * maxSeed);
    } else if (mediumOfField(types, workflow.graph, input) === undefined) inputs[input.field] = given;
    else {
      const [file] = await loadFiles(request, input.name, { signal: context.signal });
      if (file !== undefined) inputs[input.field] = await uploadFile(file, options);
    }
  }
  return graph;
}

/** Named by its content: the same file is there once. */
async function uploadFile(
  { bytes, contentType, fileName }: { bytes: Uint8Array<ArrayBuffer>; contentType: string; fileName: string },
  { client, context }: FillOptions,
): Promise<string> {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  const extension = fileName.split('.').at(-1) ?? 'bin';
  const form = new FormData();
  form.set('image', new Blob([bytes], { type: contentType }), `${digest}.${extension}`);
  form.set('type', 'input');
  form.set('subfolder', subfolder);
  const { body } = await client.change(Uploaded, { path: '/upload/image', form }, context);
  const folder = body.subfolder ?? '';
  return folder === '' ? body.name : `${folder}/${body.name}`;
}
