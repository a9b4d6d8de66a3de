// SPDX-License-Identifier: Apache-2.0

/**
 * Counts since the client was made, and four levels of now: `publishesInflight` (unanswered on this connection), `publishesQueued`
 * (accepted and not sent on it), `sendQuota` (what the broker would take now, §4.9), `subscriptions`. All zero unless
 * `ClientOptions.stats`.
 *
 * `publishesSent` counts PUBLISH packets, resends included; `publishesAcked` QoS 1 and 2; `messagesReceived` leaves out repeats
 * at QoS 2; `messagesDelivered` and `messagesDropped` count once for each subscription; `acksIgnored` are answers of the broker to
 * nothing that is open; `resubscribes` are SUBSCRIBE packets that repeat an earlier one; `poolFallbacks` are publishes the pool
 * left to the client's own connection. Unit of `bytesSent` and `bytesReceived`: bytes of MQTT, without TLS and framing.
 *
 * With a `publisherPool`, publishes, acknowledgements, packets, bytes and pings are those of all its connections; connects, losses
 * and `sendQuota` are those of the client's own. A type alias, so that `Object.entries` keeps `number`.
 *
 * @see MQTT v5.0 §4.9 for the quota
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
