// SPDX-License-Identifier: Apache-2.0
// Our declarations name `Disposable`, and a program may be compiled without that library.
/// <reference lib="esnext.disposable" preserve="true" />

export type { SqliteSessionStoreOptions } from './open-options.ts';
export { SqliteSessionStore } from './sqlite-session-store.ts';
