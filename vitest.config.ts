// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';
import type { ViteUserConfig } from 'vitest/config';

// Tests run on the sources: packages find each other through the export condition `@mqttv5/source`, nothing is built first.
const conditions = ['@mqttv5/source', 'module', 'node', 'development|production'];

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'conformance/{src,test}/**/*.test.ts',
      'benchmarks/**/*.test.ts',
      'examples/*/{src,test}/**/*.test.ts',
      'support/src/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Virtual time makes most tests instant. What needs longer (real brokers, many seeds) says so at the test.
    testTimeout: 10_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    // An unhandled rejection or uncaught exception fails the run even when every assertion passed.
    dangerouslyIgnoreUnhandledErrors: false,
    // `.only` left in a file must not make a green run out of one test.
    allowOnly: false,
    restoreMocks: true,
  },
});

export default config;
