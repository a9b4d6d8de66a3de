// SPDX-License-Identifier: Apache-2.0
// The client for a page, as two bundlers make it. Neither is told anything about Node: an import of it fails the build.
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';
import type { Metafile } from 'esbuild';
import { build as vite, defaultClientConditions } from 'vite';

const here = import.meta.dirname;

/** Tests run on the sources, bundles included. */
const SOURCE = '@mqttv5/source';

export interface Bundle {
  readonly code: string;
  /** What each source file has contributed, in bytes, largest first. */
  readonly parts: readonly (readonly [file: string, bytes: number])[];
}

/** One of the programs beside this file, or a module given as text. */
export type Entry = { readonly file: string } | { readonly text: string };

export async function bundleWithEsbuild(entry: Entry): Promise<Bundle> {
  const result = await esbuild({
    ...('file' in entry
      ? { entryPoints: [join(here, entry.file)] }
      : { stdin: { contents: entry.text, resolveDir: here, loader: 'ts' as const } }),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: [SOURCE],
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  return { code: result.outputFiles[0]?.text ?? '', parts: partsOf(result.metafile) };
}

export async function bundleWithVite(entry: Entry): Promise<string> {
  const name = 'virtual:entry';
  const text = 'file' in entry ? `export * from ${JSON.stringify(join(here, entry.file))}` : entry.text;
  const result = await vite({
    configFile: false,
    logLevel: 'silent',
    root: here,
    resolve: { conditions: [SOURCE, ...defaultClientConditions] },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === name ? join(here, 'entry.ts') : undefined),
        load: (id) => (id === join(here, 'entry.ts') ? text : undefined),
      },
    ],
    build: {
      write: false,
      target: 'es2022',
      minify: true,
      modulePreload: false,
      rollupOptions: { input: name, preserveEntrySignatures: 'strict' },
    },
  });
  const outputs = Array.isArray(result) ? result : 'output' in result ? [result] : [];
  return outputs
    .flatMap(({ output }) => output)
    .map((each) => (each.type === 'chunk' ? each.code : ''))
    .join('\n');
}

function partsOf(metafile: Metafile): Bundle['parts'] {
  const inputs = Object.values(metafile.outputs)[0]?.inputs ?? {};
  return Object.entries(inputs)
    .map(([file, { bytesInOutput }]) => [file.replace(/^.*packages\//, ''), bytesInOutput] as const)
    .toSorted(([, a], [, b]) => b - a);
}
