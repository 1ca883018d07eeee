import { createUpload, defineTool, text } from '@inferry/contracts';
import { write } from '../../annotations.ts';

export const createUploadTool = defineTool({
  name: 'create_upload',
  title: 'Create upload URL',
  description:
    'Get a one-time PUT URL for a local file plus a ready curl command, so file bytes never pass through the conversation. Use the returned asset_id or file_url in run_model. Multipart for large files.',
  annotations: write,
  operation: createUpload,
  present({ asset_id: assetId, file_url: fileUrl, part_count: parts, ...upload }) {
    if (upload.deduplicated === true) {
      return [text(`Already stored as ${assetId}: [file](${fileUrl}). No upload is needed.`)];
    }
    const how = parts === undefined ? '' : ` in ${parts} parts`;
    return [
      text(
        `Upload the file${how} before ${upload.expires_at}:\n${upload.curl}\nThen use ${assetId} (or [its URL](${fileUrl})) in run_model.`,
      ),
    ];
  },
});
