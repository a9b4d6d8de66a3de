// SPDX-License-Identifier: Apache-2.0

/**
 * Counts since the client was made, and three levels of now: `publishesInflight`, `publishesQueued`, `sendQuota`. All zero unless
 * `ClientOptions.stats`. With a `publisherPool`, publishes, acknowledgements, packets, bytes and pings are those of all its
 * connections; connects, losses and `sendQuota` are those of the client's own. A type alias, so that `Object.entries` keeps `number`.
 */
export type ClientStats = Readonly<
  Record<
    | 'connects'
    | 'connectFailures'
    | 'disconnects'
    | 'reconnects'
    | 'publishesSent'
    | 'publishesAcked'
    | 'publishesFailed'
    | 'publishesInflight'
    | 'publishesQueued'
    | 'sendQuota'
    | 'messagesReceived'
    | 'messagesDelivered'
    | 'messagesDropped'
    | 'acksSent'
    | 'acksIgnored'
    | 'bytesSent'
    | 'bytesReceived'
    | 'packetsSent'
    | 'packetsReceived'
    | 'pingsSent'
    | 'pingTimeouts'
    | 'subscriptions'
    | 'resubscribes'
    | 'protocolErrors'
    | 'storeErrors'
    | 'poolFallbacks',
    number
  >
>;
