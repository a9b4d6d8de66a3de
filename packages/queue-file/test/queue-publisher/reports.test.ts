// SPDX-License-Identifier: Apache-2.0
//
// Failures that nobody waits for: to the client's logger, or on the console where it has none.

import type { ClientOptions, QueueOptions } from '@mqttv5/core';
import { describe, expect, test, vi } from 'vitest';
import { Bench, errorLog, expectPublishes, puback } from './bench.ts';

describe('refusals whose backoff throws are tried again all the same, and it is said once, however many there are:', () => {
  const failure = new TypeError('no such attempt');
  const retryBackoff = (): number => {
    throw failure;
  };
  const line = 'mqtt: retryBackoff failed; 1 s applies';

  async function refuseTwo(client: Partial<ClientOptions>): Promise<void> {
    const bench = new Bench({ client, options: { retryBackoff } });
    await bench.publish('a');
    await bench.publish('b');
    const connection = await bench.connect();
    for (const packet of await expectPublishes(connection, 'a', 'b')) connection.send(puback(packet, 0x97));
    const answered = bench.client.ping();
    await connection.expect('pingreq');
    connection.send({ type: 'pingresp' });
    await answered;
    expect(await bench.inQueue()).toHaveLength(2);
    await bench.publisher.close();
  }

  test('on the console where there is no logger', async () => {
    const said = vi.spyOn(console, 'error').mockReturnValue();
    await refuseTwo({});
    expect(said.mock.calls).toEqual([[line, failure]]);
  });

  test('to the logger of the client where it has one', async () => {
    const said = vi.spyOn(console, 'error').mockReturnValue();
    const { errors, logger } = errorLog();
    await refuseTwo({ logger });
    expect(errors).toEqual([[line, { error: failure }]]);
    expect(said).not.toHaveBeenCalled();
  });
});

describe('dead letters are said to the logger of a client that has one, and not on the console:', () => {
  async function refused(options: QueueOptions): Promise<readonly unknown[]> {
    const said = vi.spyOn(console, 'error').mockReturnValue();
    const { errors, logger } = errorLog();
    const bench = new Bench({ client: { logger }, options });
    await bench.publish('a');
    const connection = await bench.connect();
    for (const packet of await expectPublishes(connection, 'a')) connection.send(puback(packet, 0x87));
    await bench.publisher.flush();
    expect(said).not.toHaveBeenCalled();
    return errors;
  }

  test('one that nobody would hear of', async () => {
    const error = expect.objectContaining({ code: 'PUBLISH_REFUSED' });
    expect(await refused({})).toEqual([[expect.stringContaining('will not be delivered'), { error }]]);
  });

  test('a callback that fails', async () => {
    const failure = new TypeError('not now');
    let attempts = 0;
    const onDeadLetter = (): void => {
      attempts += 1;
      if (attempts < 3) throw failure;
    };
    const line = 'mqtt: onDeadLetter failed; it is asked again later';
    expect(await refused({ onDeadLetter })).toEqual([[line, { error: failure }]]);
  });

  test('a classifier that fails', async () => {
    const failure = new TypeError('cannot decide');
    const isPermanent = (): boolean => {
      throw failure;
    };
    expect(await refused({ isPermanent, onDeadLetter: () => undefined })).toEqual([
      ['mqtt: isPermanent failed', { error: failure }],
    ]);
  });
});
