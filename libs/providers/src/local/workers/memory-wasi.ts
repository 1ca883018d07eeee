interface WebAssemblyEngine {
  compile(bytes: Uint8Array): Promise<Program>;
  instantiate(program: Program, imports: object): Promise<{ exports: Record<string, unknown> }>;
}

/** Compiled once, run as often as needed. */
export type Program = object;

// as: every engine has this global, and only TypeScript's browser library declares it.
const { WebAssembly: engine } = globalThis as unknown as { WebAssembly: WebAssemblyEngine };

export function compileProgram(bytes: Uint8Array): Promise<Program> {
  return engine.compile(bytes);
}

/** The end of a WASI program. */
class ProgramExit extends Error {
  override readonly name = 'ProgramExit';
}

const success = 0;
const badFile = 8;
const notFound = 44;
const folderFd = 3;
const firstFileFd = 4;

/**
 * Just enough of WASI (snapshot preview 1) for a program that reads its arguments and writes one file. All in memory:
 * the program gets no file system, no environment and no console.
 */
export class MemoryWasi {
  readonly #arguments: readonly Uint8Array[];
  readonly #chunks: { at: number; bytes: Uint8Array }[] = [];
  #memory: { buffer: ArrayBuffer } | undefined;
  #position = 0;
  #isOpen = false;

  constructor(programArguments: readonly string[]) {
    this.#arguments = programArguments.map((argument) => new TextEncoder().encode(`${argument}\0`));
  }

  /** Runs the program to its end and returns what it wrote to the file. */
  async run(program: Program): Promise<Uint8Array> {
    const { exports } = await engine.instantiate(program, { wasi_snapshot_preview1: this.#calls() });
    // as: the program is a WASI command, which exports both (WASI preview 1, application ABI).
    this.#memory = exports.memory as { buffer: ArrayBuffer };
    const start = exports._start as () => void;
    try {
      start();
    } catch (error) {
      if (!(error instanceof ProgramExit)) throw error;
    }
    return this.#written();
  }

  #calls(): Record<string, (...values: never[]) => number> {
    return {
      args_sizes_get: (count: number, size: number) => {
        this.#put(count, this.#arguments.length);
        return this.#put(
          size,
          this.#arguments.reduce((sum, argument) => sum + argument.length, 0),
        );
      },
      args_get: (pointers: number, text: number) => this.#putArguments(pointers, text),
      clock_time_get: (_clock: number, _precision: bigint, result: number) => {
        this.#view().setBigUint64(result, BigInt(Math.round(performance.now() * 1e6)), true);
        return success;
      },
      fd_fdstat_get: (fd: number, result: number) => this.#putFdStat(fd, result),
      fd_fdstat_set_flags: () => success,
      fd_prestat_get: (fd: number, result: number) => {
        if (fd !== folderFd) return badFile;
        this.#put(result, 0);
        return this.#put(result + 4, 1);
      },
      fd_prestat_dir_name: (_fd: number, text: number) => {
        this.#view().setUint8(text, '/'.charCodeAt(0));
        return success;
      },
      path_open: (...values: (number | bigint)[]) => this.#open(Number(values[4]), Number(values[8])),
      fd_read: (...[, , , result]: [number, number, number, number]) => this.#put(result, 0),
      fd_seek: (...[fd, offset, from, result]: [number, bigint, number, number]) =>
        this.#seek(fd, { offset, from, result }),
      fd_write: (...[fd, vectors, count, result]: [number, number, number, number]) =>
        this.#write(fd, { vectors, count, result }),
      fd_close: () => success,
      proc_exit: () => {
        throw new ProgramExit();
      },
    };
  }

  #view(): DataView {
    if (this.#memory === undefined) throw new Error('the program has not started');
    return new DataView(this.#memory.buffer);
  }

  #put(at: number, value: number): number {
    this.#view().setUint32(at, value, true);
    return success;
  }

  #putArguments(pointers: number, text: number): number {
    const memory = new Uint8Array(this.#view().buffer);
    let at = text;
    this.#arguments.forEach((argument, index) => {
      this.#put(pointers + 4 * index, at);
      memory.set(argument, at);
      at += argument.length;
    });
    return success;
  }

  /** A folder, a file or a terminal, with every right. */
  #putFdStat(fd: number, result: number): number {
    if (fd > firstFileFd) return badFile;
    const view = this.#view();
    const kind = fd === folderFd ? 3 : fd === firstFileFd ? 4 : 2;
    view.setUint16(result, kind, true);
    view.setUint16(result + 2, 0, true);
    view.setBigUint64(result + 8, ~0n, true);
    view.setBigUint64(result + 16, ~0n, true);
    return success;
  }

  /** Only a file that is to be created exists here, and only once. */
  #open(flags: number, result: number): number {
    const isCreated = (flags & 1) === 1;
    if (!isCreated || this.#isOpen) return notFound;
    this.#isOpen = true;
    return this.#put(result, firstFileFd);
  }

  #seek(fd: number, { offset, from, result }: { offset: bigint; from: number; result: number }): number {
    if (fd !== firstFileFd) return badFile;
    const base = from === 0 ? 0 : from === 1 ? this.#position : this.#size();
    this.#position = base + Number(offset);
    this.#view().setBigUint64(result, BigInt(this.#position), true);
    return success;
  }

  #write(fd: number, { vectors, count, result }: { vectors: number; count: number; result: number }): number {
    const view = this.#view();
    let total = 0;
    for (let index = 0; index < count; index += 1) {
      const at = view.getUint32(vectors + 8 * index, true);
      const size = view.getUint32(vectors + 8 * index + 4, true);
      if (fd === firstFileFd) {
        this.#chunks.push({ at: this.#position, bytes: new Uint8Array(view.buffer, at, size).slice() });
        this.#position += size;
      }
      total += size;
    }
    return this.#put(result, total);
  }

  #size(): number {
    return this.#chunks.reduce((size, { at, bytes }) => Math.max(size, at + bytes.length), 0);
  }

  #written(): Uint8Array {
    const file = new Uint8Array(this.#size());
    for (const { at, bytes } of this.#chunks) file.set(bytes, at);
    return file;
  }
}
