// SPDX-License-Identifier: Apache-2.0

import type { ClientStats } from './api/stats.ts';

/** What `ClientStats` shows, as it is counted. Fields, so that counting on a hot path is one addition. */
export class Counters implements Record<keyof ClientStats, number> {
  connects = 0;
  connectFailures = 0;
  disconnects = 0;
  reconnects = 0;
  publishesSent = 0;
  publishesAcked = 0;
  publishesFailed = 0;
  publishesInflight = 0;
  publishesQueued = 0;
  sendQuota = 0;
  messagesReceived = 0;
  messagesDelivered = 0;
  messagesDropped = 0;
  acksSent = 0;
  acksIgnored = 0;
  bytesSent = 0;
  bytesReceived = 0;
  packetsSent = 0;
  packetsReceived = 0;
  pingsSent = 0;
  pingTimeouts = 0;
  subscriptions = 0;
  resubscribes = 0;
  protocolErrors = 0;
  storeErrors = 0;
  poolFallbacks = 0;

  /** The values of now, as a plain object that does not change any more. */
  snapshot(): ClientStats {
    return Object.assign({}, this);
  }
}
