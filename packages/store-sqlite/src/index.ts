// SPDX-License-Identifier: Apache-2.0

export type { SqliteSessionStoreOptions } from './open-options.ts';
export { SqliteSessionStore } from './sqlite-session-store.ts';
