// SPDX-License-Identifier: Apache-2.0

/** Rows that no test names, and why there is nothing to test. */
export const notApplicable: Readonly<Record<string, string>> = {
  'S-026': 'There is no second way to set up a socket: `dial` replaces the whole of it (S-024).',
  'S-132': 'Removed in v0.11: without Subscription Identifiers the client routes by topic (V-068).',
  'S-137': 'Removed in v0.11: `PublisherQueue.enqueue` evicts in its own step, so every queue can.',
  'S-138': 'Removed in v0.11: wss without `tls` verifies against the system roots.',
  'V-030': 'A Go matter: one thread has no hand-off to save. Packets of a turn leave in one write (S-049).',
  'V-093': 'The size of a read is the business of the runtime: Node reads up to 64 KiB, and offers no option.',
};
