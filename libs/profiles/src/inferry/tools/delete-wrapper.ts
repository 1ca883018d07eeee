import { defineTool, deleteWrapper, text } from '@inferry/contracts';
import { destructive } from '../../annotations.ts';

export const deleteWrapperTool = defineTool({
  name: 'delete_wrapper',
  title: 'Delete wrapper',
  description: 'Delete one of your wrappers. Cannot be undone.',
  annotations: destructive,
  operation: deleteWrapper,
  present: ({ deleted }) => [
    text(deleted === true ? 'Deleted. Runs that it started go on.' : 'Not deleted.'),
  ],
});
