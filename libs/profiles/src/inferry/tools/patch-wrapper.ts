import { defineTool, patchWrapper } from '@inferry/contracts';
import { destructive } from '../../annotations.ts';
import { presentWrapper } from './create-wrapper.ts';

export const patchWrapperTool = defineTool({
  name: 'patch_wrapper',
  title: 'Update wrapper',
  description: 'Change fields of one of your wrappers; omitted fields stay.',
  annotations: destructive,
  operation: patchWrapper,
  present: ({ wrapper }) => presentWrapper(wrapper, 'Changed'),
});
