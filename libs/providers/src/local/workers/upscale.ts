import sharp from 'sharp';
import type { UpscaleInput } from '../models/upscale.ts';
import { maxUpscalePixels } from '../models/upscale-limits.ts';
import { packageFile } from '../package-files.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { loadLayersNetwork, type Network } from './layers-network.ts';
import { openPicture, orDamaged, type Picture } from './open-picture.ts';
import { ownBytes, serveJobs, type WorkerJob } from './serve-jobs.ts';
import { loadTensors, type TensorLibrary } from './tensors.ts';
import { type RgbPicture, upscaleTiles } from './upscale-tiles.ts';

/** Pixels on a side: about a second of work each, so that progress moves. */
const tileSize = 128;
/** Half of the network's field of view: eight 3x3 convolutions and a 5x5 one in a row. */
const margin = 10;
/** Shares of the work, as measured: writing the PNG takes the rest. */
const networkShare = 0.95;

let tensors: Promise<TensorLibrary> | undefined;
const networks = new Map<number, Promise<Network>>();

serveJobs(upscale);

async function upscale(job: WorkerJob<UpscaleInput>): Promise<WorkerOutput[]> {
  const factor = job.nativeId === 'upscale-4x' ? 4 : 2;
  const picture = await openPicture(job.file('image'), maxUpscalePixels[factor]);
  const isFlat = job.input.transparency === 'flatten' || !picture.hasAlpha;
  const network = await networkFor(factor);
  const enlarged = await upscaleTiles(await colours(picture, job.input), network, {
    factor,
    tileSize,
    margin,
    progress: (fraction) => job.progress(fraction * networkShare),
  });
  const opaque = sharp(enlarged.pixels, {
    raw: { width: enlarged.width, height: enlarged.height, channels: 3 },
  });
  const result = isFlat
    ? opaque
    : opaque.joinChannel(await enlargedAlpha(picture, enlarged), rawAlpha(enlarged));
  const png = await result.png({ compressionLevel: 6 }).toBuffer();
  return [{ kind: 'image', contentType: 'image/png', fileName: `${job.nativeId}.png`, bytes: ownBytes(png) }];
}

function networkFor(factor: 2 | 4): Promise<Network> {
  tensors ??= loadTensors();
  const file = packageFile('@upscalerjs/esrgan-slim', `../../../../../models/x${factor}/model.json`);
  const network = networks.get(factor) ?? tensors.then((tf) => loadLayersNetwork(tf, file));
  networks.set(factor, network);
  return network;
}

async function colours(picture: Picture, { transparency, background }: UpscaleInput): Promise<RgbPicture> {
  const image = picture.image.clone();
  const opaque = transparency === 'flatten' ? image.flatten({ background }) : image.removeAlpha();
  const { data, info } = await orDamaged(opaque.raw().toBuffer({ resolveWithObject: true }));
  return { width: info.width, height: info.height, pixels: data };
}

async function enlargedAlpha(picture: Picture, { width, height }: RgbPicture): Promise<Buffer> {
  const alpha = picture.image.clone().extractChannel('alpha');
  return await orDamaged(alpha.resize(width, height, { fit: 'fill' }).raw().toBuffer());
}

function rawAlpha({ width, height }: RgbPicture): { raw: { width: number; height: number; channels: 1 } } {
  return { raw: { width, height, channels: 1 } };
}
