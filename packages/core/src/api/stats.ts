// SPDX-License-Identifier: Apache-2.0

/**
 * Counts since the client was made, and four levels of now: `publishesInflight`, `publishesQueued`, `sendQuota`, `subscriptions`.
 * All zero unless `ClientOptions.stats`. `publishesSent` counts PUBLISH packets, resends included, `publishesAcked` QoS 1 and 2,
 * `messagesDelivered` and `messagesDropped` once for each subscription; bytes are those of MQTT, without TLS and framing.
 *
 * With a `publisherPool`, publishes, acknowledgements, packets, bytes and pings are those of all its connections; connects, losses
 * and `sendQuota` are those of the client's own. A type alias, so that `Object.entries` keeps `number`.
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
