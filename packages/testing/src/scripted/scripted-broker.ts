// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { Server } from 'node:net';
import type { Dial, WaitOptions } from '@mqttv5/core';
import { assertKnownKeys, TestingError } from '../errors.ts';
import type { Link } from '../links/link.ts';
import { memoryConnection } from '../links/memory-link.ts';
import { SocketLink } from '../links/socket-link.ts';
import { LinkScriptedConnection } from './scripted-connection.ts';
import type { ScriptedConnection } from './scripted-connection.ts';
import { Waiter } from './waiting.ts';

/** What {@link ScriptedBroker.listen} and {@link ScriptedBroker.inMemory} take. */
export interface ScriptedBrokerOptions {
  /**
   * How long a wait without `signal` lasts, in milliseconds of real time, also under fake timers. Keep it below the
   * limit of the test runner: its error says what came instead.
   * @defaultValue 5000
   */
  timeoutMs?: number | undefined;
}

/**
 * A broker that does exactly what a test tells it, byte by byte, and nothing by itself.
 *
 * @example
 * ```ts
 * await using broker = await ScriptedBroker.listen();
 * const connecting = connect(broker.url);
 * const connection = await broker.accept();
 * await connection.expect('connect');
 * connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
 * await connecting;
 * connection.drop();
 * ```
 */
export class ScriptedBroker implements AsyncDisposable {
  /** `mqtt://127.0.0.1:PORT`, or a name that leads nowhere for a broker {@link ScriptedBroker.inMemory}. */
  readonly url: string;
  /**
   * Connects to this broker in memory, whatever URL is dialled: give it to a client as its `dial`. Bytes are delivered
   * in microtasks, so that nothing depends on the operating system's timing.
   */
  readonly dial: Dial = (_broker, options) => {
    if (options.signal.aborted) return Promise.reject(options.signal.reason);
    if (this.#closing !== undefined) {
      return Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    }
    const { client, server } = memoryConnection();
    this.#add(server);
    return Promise.resolve(client);
  };
  readonly #server: Server | undefined;
  readonly #timeoutMs: number;
  readonly #connections = new Set<LinkScriptedConnection>();
  /** Arrived and not accepted yet. */
  readonly #arrived: ScriptedConnection[] = [];
  readonly #accepting: Waiter<ScriptedConnection>[] = [];
  #closing: Promise<void> | undefined;

  private constructor(url: string, options: ScriptedBrokerOptions, server?: Server) {
    assertKnownKeys('ScriptedBroker', options, ['timeoutMs']);
    this.url = url;
    this.#server = server;
    this.#timeoutMs = options.timeoutMs ?? 5_000;
    server?.on('connection', (socket) => this.#add(new SocketLink(socket)));
  }

  /**
   * Opens a free port of the loopback interface.
   *
   * @throws TestingError `LISTEN_FAILED`
   */
  static async listen(options: ScriptedBrokerOptions = {}): Promise<ScriptedBroker> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new TestingError('LISTEN_FAILED', 'no free port on 127.0.0.1', { cause: error });
    }
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return new ScriptedBroker(`mqtt://127.0.0.1:${port}`, options, server);
  }

  /** A broker without a socket, reached through its {@link ScriptedBroker.dial} only. Deterministic; costs nothing. */
  static inMemory(options: ScriptedBrokerOptions = {}): ScriptedBroker {
    return new ScriptedBroker('mqtt://scripted.invalid:1883', options);
  }

  /**
   * Resolves to the next connection, in order of arrival.
   *
   * @throws TestingError `TIMEOUT` without `signal` after `timeoutMs`, `CLOSED` if the broker is closed
   */
  accept(options?: WaitOptions): Promise<ScriptedConnection> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    const waiter = new Waiter<ScriptedConnection>(
      options,
      this.#timeoutMs,
      () => new TestingError('TIMEOUT', `expected a connection, ${this.#connections.size} are open and accepted`),
    );
    this.#accepting.push(waiter);
    this.#match();
    return waiter.promise;
  }

  /** Cuts every connection, rejects every `accept`, and resolves when nothing is left open. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    for (const waiter of this.#accepting.splice(0)) waiter.reject(closedError());
    const open = [...this.#connections];
    for (const connection of open) connection.drop();
    const server = this.#server;
    if (server !== undefined) await new Promise<void>((resolve) => void server.close(() => resolve()));
    await Promise.all(open.map((connection) => connection.closed));
  }

  #add(link: Link): void {
    const connection = new LinkScriptedConnection(link, this.#timeoutMs);
    if (this.#closing !== undefined) {
      connection.drop();
      return;
    }
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    this.#arrived.push(connection);
    this.#match();
  }

  #match(): void {
    while (this.#arrived.length > 0 && this.#accepting.length > 0) {
      const waiter = this.#accepting.shift();
      if (waiter === undefined || waiter.settled) continue;
      const connection = this.#arrived.shift();
      if (connection !== undefined) waiter.resolve(connection);
    }
  }
}

function closedError(): TestingError {
  return new TestingError('CLOSED', 'the scripted broker is closed');
}
