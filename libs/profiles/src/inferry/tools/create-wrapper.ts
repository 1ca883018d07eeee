import {
  type ContentBlock,
  createWrapper,
  defineTool,
  problemLine,
  text,
  type Wrapper,
} from '@inferry/contracts';
import { z } from 'zod';
import { write } from '../../annotations.ts';

export const createWrapperTool = defineTool({
  name: 'create_wrapper',
  title: 'Create wrapper',
  description: 'Create a wrapper you own. Private draft by default.',
  annotations: write,
  operation: createWrapper,
  // A definition may also say that it is unlisted.
  input: createWrapper.input.extend({
    visibility: z.enum(['private', 'public']).optional().describe('Default private'),
  }),
  present: ({ wrapper, replayed }) => presentWrapper(wrapper, replayed === true ? 'Existing' : 'Created'),
});

/** What its owner has to know of a wrapper. */
export function presentWrapper(wrapper: Wrapper | undefined, done: string): ContentBlock[] {
  if (wrapper === undefined) return [];
  const { model, wrapper_id: id, version, visibility, status, base_models: bases = [] } = wrapper;
  const lines = [
    `${done}: ${model} (${id}), version ${version}, ${visibility}, ${status}, on ${bases.join(', ')}.`,
  ];
  for (const warning of wrapper.warnings ?? []) lines.push(`Warning: ${warning}`);
  for (const problem of wrapper.broken ?? []) lines.push(`Broken: ${problemLine(problem)}`);
  if (wrapper.next_action !== undefined) lines.push(`Next: ${wrapper.next_action}`);
  return [text(lines.join('\n'))];
}
