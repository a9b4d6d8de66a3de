// SPDX-License-Identifier: Apache-2.0

import type { Brokers, WaitOptions } from './api/common.ts';
import type { ClientOptions } from './api/options.ts';
import { Client } from './client.ts';
import { checkObject } from './options/check.ts';

/**
 * Makes a client and connects it.
 *
 * @param options - `signal` ends the handshake only, not the client that comes of it.
 * @throws everything the constructor of {@link Client} and `connect()` throw; nothing is left behind then
 *
 * @example
 * ```ts
 * const client = await connect('mqtt://localhost');
 * ```
 */
export async function connect(
  brokers: Brokers,
  options: Omit<ClientOptions, 'brokers'> & WaitOptions = {},
): Promise<Client> {
  checkObject(options, 'the options of connect()');
  const { signal, ...rest } = options;
  const client = new Client({ ...rest, brokers });
  try {
    await client.connect({ signal });
    return client;
  } catch (error) {
    await client.disconnect();
    throw error;
  }
}
