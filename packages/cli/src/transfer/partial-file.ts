/**
 * A file that is not there until it is whole: it is written beside its place and renamed at the end.
 *
 * Guarantees: the partial file ends with a whole line, and its `cursor` is where exactly the records in it end; a write
 * that fails takes both back to where the last one ended.
 */
import type { FileHandle } from 'node:fs/promises';
import { open, rename } from 'node:fs/promises';
import { EdisError } from '@edis/core';
import { isMissing, messageOf } from './file-error.ts';

/** As much is written at once. */
const chunkLength = 256 * 1024;

export class PartialFile {
  readonly path: string;
  readonly partialPath: string;
  readonly #file: FileHandle;
  #size: number;
  #cursor: string | undefined;
  #text = '';
  #failed = false;

  private constructor(path: string, file: FileHandle, size: number, cursor: string | undefined) {
    this.path = path;
    this.partialPath = partialPathOf(path);
    this.#file = file;
    this.#size = size;
    this.#cursor = cursor;
  }

  /** @param cursor where the partial file of an earlier call ends; undefined: a new one is begun */
  static async open(path: string, cursor: string | undefined): Promise<PartialFile> {
    const partialPath = partialPathOf(path);
    const file = await open(partialPath, cursor === undefined ? 'w' : 'r+').catch((caught: unknown) => {
      throw openError(partialPath, cursor, caught);
    });
    try {
      const { size } = await file.stat();
      if (size > 0 && !(await endsWithNewline(file, size))) {
        throw new EdisError('usage', `${partialPath} ends within a line; begin anew, without --cursor`);
      }
      return new PartialFile(path, file, size, cursor);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Where the records that are in the file end. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** @param cursor where the stream stands behind this line */
  add(line: string, cursor: string | undefined): Promise<void> | undefined {
    this.#text += `${line}\n`;
    return this.#text.length < chunkLength ? undefined : this.#flush(cursor);
  }

  /** All is written: the file takes its place. */
  async finish(): Promise<void> {
    await this.#flush(undefined);
    try {
      await this.#file.sync();
      await this.#file.close();
      await rename(this.partialPath, this.path);
    } catch (caught) {
      throw fileError(this.path, caught);
    }
  }

  /** Not all is written: what is stays in the partial file. */
  async keep(cursor: string | undefined): Promise<void> {
    try {
      // After a failed write, lines are missing: what came behind it must not be written either.
      if (!this.#failed) await this.#flush(cursor);
    } finally {
      await this.#file.close();
    }
  }

  async #flush(cursor: string | undefined): Promise<void> {
    const bytes = Buffer.from(this.#text);
    this.#text = '';
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#size + done);
        done += bytesWritten;
      }
    } catch (caught) {
      this.#failed = true;
      await this.#file.truncate(this.#size).catch(() => {});
      throw fileError(this.partialPath, caught);
    }
    this.#size += bytes.length;
    this.#cursor = cursor;
  }
}

function partialPathOf(path: string): string {
  return `${path}.part`;
}

async function endsWithNewline(file: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}

function openError(path: string, cursor: string | undefined, caught: unknown): EdisError {
  if (cursor !== undefined && isMissing(caught)) {
    return new EdisError('usage', `there is no ${path} to go on with; begin anew, without --cursor`);
  }
  return new EdisError('usage', `${path} cannot be written: ${messageOf(caught)}`, { cause: caught });
}

function fileError(path: string, caught: unknown): EdisError {
  return new EdisError('disk', `${path} cannot be written: ${messageOf(caught)}`, { cause: caught });
}
