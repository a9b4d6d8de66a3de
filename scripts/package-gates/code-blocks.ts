// SPDX-License-Identifier: Apache-2.0

/** A TypeScript block of a Markdown file. */
export interface CodeBlock {
  /** Line of its first line of code, from 1. */
  line: number;
  /** The code, preceded by as many empty lines as the file has before it: a compiler's line numbers are the file's. */
  code: string;
}

/**
 * The ```ts blocks of a Markdown text. Each is a module of its own, except that "```ts continued" goes on where the block
 * before it ended and sees its names.
 */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let fence: string | undefined;
  let current: { line: number; lines: string[] } | undefined;
  const lines = markdown.split('\n');
  for (const [index, text] of lines.entries()) {
    const [, indent = '', marker, info = ''] = /^(\s*)(`{3,})(.*)$/.exec(text) ?? [];
    if (marker === undefined) {
      current?.lines.push(text);
    } else if (fence === undefined) {
      fence = marker;
      const [language, ...flags] = info.trim().split(/\s+/);
      if (language !== 'ts' && language !== 'typescript') continue;
      const previous = flags.includes('continued') ? blocks.pop() : undefined;
      const before = previous?.code.split('\n') ?? [];
      const gap = Array.from({ length: index + 1 - before.length }, () => '');
      current = { line: previous?.line ?? index + 2, lines: [...before, ...gap] };
    } else if (marker.startsWith(fence) && info.trim() === '' && indent.length <= 3) {
      fence = undefined;
      if (current !== undefined) blocks.push({ line: current.line, code: current.lines.join('\n') });
      current = undefined;
    } else {
      current?.lines.push(text);
    }
  }
  return blocks;
}

/** The ```ts blocks of the documentation comments of a source file, with its line numbers. */
export function commentBlocks(source: string): CodeBlock[] {
  let inside = false;
  const lines = source.split('\n').map((text) => {
    if (/^\s*\/\*\*/.test(text)) inside = true;
    const [, content = ''] = (inside && /^\s*\*(?: |$)(?!\/)(.*)$/.exec(text)) || [];
    if (text.includes('*/')) inside = false;
    return content;
  });
  return codeBlocks(lines.join('\n'));
}
