import { defineTool, previewWrapper, problemLine, text } from '@inferry/contracts';
import { readOnly } from '../../annotations.ts';

export const previewWrapperTool = defineTool({
  name: 'preview_wrapper',
  title: 'Preview wrapper',
  description:
    'Render a wrapper template and field mappings against a sample input. Creates and charges nothing.',
  annotations: readOnly,
  operation: previewWrapper,
  present({ prompt, mapped_input: mapped, problems = [] }) {
    const lines = prompt === undefined ? [] : [`Prompt: ${prompt}`];
    if (mapped !== undefined) lines.push(`Input of the base model: ${JSON.stringify(mapped)}`);
    lines.push(problems.length === 0 ? 'No problems.' : 'Problems:');
    for (const problem of problems) lines.push(`- ${problemLine(problem)}`);
    return [text(lines.join('\n'))];
  },
});
