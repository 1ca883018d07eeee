import { defineTool, text, uploadFile } from '@inferry/contracts';
import { write } from '../../annotations.ts';

export const uploadFileTool = defineTool({
  name: 'upload_file',
  title: 'Upload file',
  description:
    'Store a remote URL, or small base64 bytes when you have no shell. Local paths are not readable here: use create_upload. Limit 200 MiB.',
  annotations: write,
  operation: uploadFile,
  present({ asset_id: assetId, file_url: fileUrl, content_type: type, bytes }) {
    return [
      text(`Stored as ${assetId}: [file](${fileUrl}) (${type}, ${bytes} bytes). Use either in run_model.`),
    ];
  },
});
