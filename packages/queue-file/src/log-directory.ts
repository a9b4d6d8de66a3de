// SPDX-License-Identifier: Apache-2.0
//
// The file layer: everything the queue asks of the file system, so that tests can make any of it fail.

import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';

/** Messages are stored in the clear: nobody but the owner reads them. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Files kept open for reading. A window of messages lies in one or two. */
const OPEN_READERS = 16;
const OWNER = 'owner';

/** A file that is written. */
export interface LogFile {
  /** All of `bytes`, or it rejects and any part of them may have been written. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export class LogDirectory {
  readonly path: string;
  /** File descriptors by name, least recently used first. */
  readonly #readers = new Map<string, number>();
  #owner: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes the directory, and those above it, unless they are there. */
  async make(): Promise<void> {
    const firstMade = await mkdir(this.path, { recursive: true, mode: DIRECTORY_MODE });
    if (firstMade === undefined) return;
    for (let made = this.path; made.length >= firstMade.length; made = dirname(made))
      await syncDirectory(dirname(made));
  }

  /**
   * Notes that the directory is ours from now on. The lock keeps others out who can see it; a container that cannot finds out
   * here, after the fact, that it has been succeeded, and writes no more.
   */
  async own(): Promise<void> {
    const note = Buffer.from(`${hostname()}, process ${process.pid}, ${new Date().toISOString()}\n`);
    // Always a new file: its inode is the mark. On a full disk there is room for its name, and the queue can be looked at.
    const file = await this.create(OWNER, note, false).catch(
      async () => await this.create(OWNER, new Uint8Array(0), false),
    );
    await file.close();
    this.#owner = this.#ownerMark();
  }

  /** False once somebody else has noted that. */
  get isOurs(): boolean {
    return this.#owner !== undefined && this.#ownerMark() === this.#owner;
  }

  /** A note that cannot be deleted says something that is not true any more. It locks nobody out. */
  async disown(): Promise<void> {
    try {
      if (this.isOurs) await this.remove(OWNER, false);
    } catch {
      // The next owner replaces it.
    }
    this.#owner = undefined;
  }

  /** Undefined when there is no such file. */
  sizeOf(name: string): number | undefined {
    return statSync(join(this.path, name), { throwIfNoEntry: false })?.size;
  }

  async names(): Promise<readonly string[]> {
    return await readdir(this.path);
  }

  async readWhole(name: string): Promise<Buffer> {
    return await readFile(join(this.path, name));
  }

  /**
   * Reads synchronously: between looking up where a record stands and reading it, compaction must not move it. It is a
   * copy from the page cache for what was written lately.
   */
  read(name: string, position: number, length: number): Buffer {
    const descriptor = this.#reader(name);
    const bytes = Buffer.alloc(length);
    let read = 0;
    while (read < length) {
      const count = readSync(descriptor, bytes, read, length - read, position + read);
      if (count === 0) break;
      read += count;
    }
    return bytes.subarray(0, read);
  }

  async open(name: string): Promise<LogFile> {
    return new NodeLogFile(await open(join(this.path, name), 'r+', FILE_MODE));
  }

  /** A new file with that content, there as a whole or not at all. */
  async create(name: string, content: Uint8Array, sync: boolean): Promise<LogFile> {
    const temporary = join(this.path, `${name}.tmp`);
    const file = new NodeLogFile(await open(temporary, 'w+', FILE_MODE));
    try {
      await file.write(content, 0);
      if (sync) await file.sync();
      await rename(temporary, join(this.path, name));
      if (sync) await syncDirectory(this.path);
      return file;
    } catch (error) {
      await file.close();
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** With `sync` it does not come back after a power failure, as an older file that a newer one has superseded might. */
  async remove(name: string, sync: boolean): Promise<void> {
    const descriptor = this.#readers.get(name);
    if (descriptor !== undefined) {
      this.#readers.delete(name);
      closeSync(descriptor);
    }
    await rm(join(this.path, name), { force: true });
    if (sync) await syncDirectory(this.path);
  }

  close(): void {
    for (const descriptor of this.#readers.values()) closeSync(descriptor);
    this.#readers.clear();
  }

  #ownerMark(): string | undefined {
    const stat = statSync(join(this.path, OWNER), { bigint: true, throwIfNoEntry: false });
    return stat && `${stat.ino} ${stat.birthtimeNs} ${stat.mtimeNs}`;
  }

  #reader(name: string): number {
    const known = this.#readers.get(name);
    const descriptor = known ?? openSync(join(this.path, name), 'r');
    this.#readers.delete(name);
    this.#readers.set(name, descriptor);
    const [oldest] = this.#readers;
    if (this.#readers.size > OPEN_READERS && oldest !== undefined) {
      this.#readers.delete(oldest[0]);
      closeSync(oldest[1]);
    }
    return descriptor;
  }
}

class NodeLogFile implements LogFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written, position + written);
      written += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    // The length of a file is data one cannot read without, so fdatasync covers it; on macOS this is F_FULLFSYNC.
    await this.#handle.datasync();
  }

  async truncate(size: number): Promise<void> {
    await this.#handle.truncate(size);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows opens no directories; NTFS journals its names.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
