// SPDX-License-Identifier: Apache-2.0
//
// One queue at a time may have a directory open. Node has no flock, and a file with a process id in it lies after a reboot
// and in containers; but a socket that is listened on is closed by the operating system when its process ends, however it
// ends, and whether somebody listens can be told without the other's help.
//
// POSIX: every opener listens on a socket of its own, `lock-<random>.sock` in the directory, and then tries to connect to
// all the others there. One that answers means LOCKED; one that refuses is a dead process's and is removed. Listening
// comes before looking, so of two openers at once at least one sees the other; both may give way, none may go on
// wrongly. The name is in the directory, so containers that share the directory see each other on one machine.
//
// Windows: one named pipe for each directory; a second listener is refused.
//
// Not covered: two machines on one network file system. A socket of the other machine refuses, and looks dead.

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { realpathSync, rmSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { MqttError } from '@mqttv5/core';

const NAME = /^lock-[0-9a-f]{16}\.sock$/;
/** The shortest `sun_path` among the platforms is macOS's, 104 bytes with the final zero. */
const LONGEST_SOCKET_PATH = 103;
/** How often two openers that met give way to each other before both call it LOCKED. */
const ATTEMPTS = 3;

export interface DirectoryLock {
  release(): Promise<void>;
}

/** @throws MqttError `LOCKED` */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  if (process.platform === 'win32') return await lockByPipe(directory);
  for (let attempt = 1; ; attempt++) {
    const lock = await lockBySocket(directory);
    if (lock !== undefined) return lock;
    if (attempt === ATTEMPTS) throw locked(directory);
    await delay(5 + Math.random() * 20);
  }
}

async function lockBySocket(directory: string): Promise<DirectoryLock | undefined> {
  const own = `lock-${randomHex(8)}.sock`;
  const paths = await SocketPaths.of(directory, own);
  const server = await listen(paths.of(own));
  try {
    const names = (await readdir(directory)).filter((name) => NAME.test(name));
    // Removed by somebody who met it between bind and listen: nobody can see us under it.
    let alone = names.includes(own);
    for (const name of names) {
      if (name === own) continue;
      if (await answers(paths.of(name))) alone = false;
      else rmSync(join(directory, name), { force: true });
    }
    if (!alone) {
      await stop(server, directory, own, paths);
      return undefined;
    }
  } catch (error) {
    await stop(server, directory, own, paths);
    throw error;
  }
  return { release: async () => await stop(server, directory, own, paths) };
}

async function lockByPipe(directory: string): Promise<DirectoryLock> {
  const identity = createHash('sha256').update(realpathSync.native(directory).toLowerCase()).digest('hex');
  try {
    const server = await listen(`\\\\.\\pipe\\mqttv5-queue-file-${identity}`);
    return { release: async () => await closed(server) };
  } catch (error) {
    throw codeOf(error) === 'EADDRINUSE' ? locked(directory) : error;
  }
}

/** Paths short enough for a socket address: over a descriptor of the directory when its own path is too long. */
class SocketPaths {
  readonly #prefix: string;
  readonly #handle: FileHandle | undefined;

  private constructor(prefix: string, handle?: FileHandle) {
    this.#prefix = prefix;
    this.#handle = handle;
  }

  static async of(directory: string, name: string): Promise<SocketPaths> {
    if (Buffer.byteLength(join(directory, name)) <= LONGEST_SOCKET_PATH) return new SocketPaths(directory);
    if (process.platform !== 'linux')
      throw new MqttError(
        'INVALID_OPTION',
        `directory ${directory} is too long: the lock in it needs a path of at most ${LONGEST_SOCKET_PATH} bytes`,
      );
    const handle = await open(directory, 'r');
    return new SocketPaths(`/proc/self/fd/${handle.fd}`, handle);
  }

  of(name: string): string {
    return join(this.#prefix, name);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

async function listen(path: string): Promise<Server> {
  // Whoever connects wants to know whether we are there, nothing else.
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  // A lock keeps no process alive.
  server.unref();
  return server;
}

/** Whether a process listens there. The kernel answers for one that is busy or stopped. */
async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      const code = codeOf(error);
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT');
    });
  });
}

async function stop(server: Server, directory: string, name: string, paths: SocketPaths): Promise<void> {
  await closed(server);
  rmSync(join(directory, name), { force: true });
  await paths.close();
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

function locked(directory: string): MqttError {
  return new MqttError('LOCKED', `The queue in ${directory} is open elsewhere, in this process or another`);
}

function randomHex(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
