// SPDX-License-Identifier: Apache-2.0
import type { PlainPublishes } from './outbound-publishes.ts';
import type { Router } from './router.ts';
import type { Sessions } from './sessions.ts';
import type { Settings } from './settings.ts';

/** What all connections of one broker share. */
export interface BrokerState {
  readonly settings: Settings;
  readonly sessions: Sessions;
  readonly router: Router;
  readonly plainPublishes: PlainPublishes;
}
