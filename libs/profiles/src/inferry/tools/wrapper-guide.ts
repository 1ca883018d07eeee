import { defineTool, text, wrapperGuide } from '@inferry/contracts';
import { readOnly } from '../../annotations.ts';

export const wrapperGuideTool = defineTool({
  name: 'wrapper_guide',
  title: 'Wrapper authoring guide',
  description: 'Rulebook for authoring wrappers. Read before create_wrapper.',
  annotations: readOnly,
  operation: wrapperGuide,
  present: ({ guide = '', sections = [] }) => [text(`${guide}\n\nSections: ${sections.join(', ')}`)],
});
