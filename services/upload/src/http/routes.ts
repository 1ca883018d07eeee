import type { FastifyInstance } from 'fastify';
import { maxUploadBytes } from '../sizes.ts';
import { handleGetFile } from './get-file.ts';
import type { HttpDeps } from './http-deps.ts';
import { noSuchFile, toHttpError } from './http-errors.ts';
import { handlePutFile } from './put-file.ts';

const ofFiles = [
  'content-length',
  'content-range',
  'content-disposition',
  'etag',
  'last-modified',
  'accept-ranges',
];

/** The data plane: bytes in by one-time URLs, bytes out by capability URLs; nothing else is under `/files`. */
export async function fileRoutes(app: FastifyInstance, deps: HttpDeps): Promise<void> {
  await app.register(
    (files, _options, done) => {
      files.removeAllContentTypeParsers();
      // Bodies are streams, whatever they say they are.
      files.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
      files.setErrorHandler(async (error, request, reply) => {
        const { status, headers, body } = toHttpError(error);
        if (status === 500) deps.log.error({ err: error, method: request.method }, 'a file request failed');
        // Of the file that is not sent after all.
        for (const name of ofFiles) reply.removeHeader(name);
        return reply
          .code(status)
          .headers({ 'content-type': 'application/json', ...headers })
          .send(body);
      });
      files.setNotFoundHandler(async () => {
        throw noSuchFile();
      });
      const put = handlePutFile(deps);
      // One more than may be stored: the refusal is ours, with our words.
      files.put('/u/:asset_id', { bodyLimit: maxUploadBytes * 2 }, put);
      files.put('/u/:asset_id/:part', { bodyLimit: maxUploadBytes * 2 }, put);
      files.route({
        method: ['GET', 'HEAD'],
        url: '/:asset_id/:token/:file_name',
        exposeHeadRoute: false,
        handler: handleGetFile(deps),
      });
      done();
    },
    { prefix: '/files' },
  );
}
