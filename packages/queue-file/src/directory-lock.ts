// SPDX-License-Identifier: Apache-2.0
//
// One queue at a time may have a directory open. Node has no flock, and a file with a process id in it lies after a reboot
// and in containers. But a socket that is listened on is closed by the operating system when its process ends, however it
// ends, and whether somebody listens can be told without the other's help. None of them is in the directory itself: it holds
// plain files only, which can be copied.
//
// Linux: an abstract socket, named after device and inode of the directory. A second listener is refused; nothing is left
// behind. Windows: a named pipe, the same way.
//
// Elsewhere: a directory of sockets among the temporary files. Every opener listens on a socket of its own there, and then
// tries to connect to all the others. One that answers means LOCKED; one that refuses is a dead process's and is removed.
// Listening comes before looking, so of two openers at once at least one sees the other; both may give way, none may go on
// wrongly.
//
// Not covered: two machines on one network file system, and two containers with network namespaces of their own. There the
// `owner` file fences off the first one once the second has opened (log-directory.ts).

import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { realpathSync, rmSync, statSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { MqttError } from '@mqttv5/core';

const NAME = /^[0-9a-f]{16}\.sock$/;
/** How often two openers that met give way to each other before both call it LOCKED. */
const ATTEMPTS = 3;

export interface DirectoryLock {
  release(): Promise<void>;
}

/** @throws MqttError `LOCKED` */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const { dev, ino } = statSync(directory, { bigint: true });
  const name = `mqttv5-queue-file-${dev}-${ino}`;
  if (process.platform === 'linux') return await lockByName(`\0${name}`, directory);
  // Inodes mean little on Windows; its paths are the same in any case.
  const path = createHash('sha256').update(realpathSync.native(directory).toLowerCase()).digest('hex');
  if (process.platform === 'win32') return await lockByName(`\\\\.\\pipe\\mqttv5-queue-file-${path}`, directory);
  return await lockAmongSockets(join(tmpdir(), name), directory);
}

async function lockByName(name: string, directory: string): Promise<DirectoryLock> {
  try {
    const server = await listen(name);
    return { release: async () => await closed(server) };
  } catch (error) {
    throw codeOf(error) === 'EADDRINUSE' ? locked(directory) : error;
  }
}

/** With `sockets`, a directory for the sockets of all who want to open `directory`. */
export async function lockAmongSockets(sockets: string, directory: string): Promise<DirectoryLock> {
  await mkdir(sockets, { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt++) {
    const lock = await listenAlone(sockets);
    if (lock !== undefined) return lock;
    if (attempt === ATTEMPTS) throw locked(directory);
    await delay(5 + Math.random() * 20);
  }
}

/** Undefined when somebody else listens, too. */
async function listenAlone(sockets: string): Promise<DirectoryLock | undefined> {
  const own = `${randomHex(8)}.sock`;
  const server = await listen(join(sockets, own));
  const release = async (): Promise<void> => {
    await closed(server);
    rmSync(join(sockets, own), { force: true });
  };
  try {
    const names = (await readdir(sockets)).filter((name) => NAME.test(name));
    // Removed by somebody who met it between bind and listen: nobody can see us under it.
    let alone = names.includes(own);
    for (const name of names) {
      if (name === own) continue;
      if (await answers(join(sockets, name))) alone = false;
      else rmSync(join(sockets, name), { force: true });
    }
    if (alone) return { release };
    await release();
    return undefined;
  } catch (error) {
    await release();
    throw error;
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
