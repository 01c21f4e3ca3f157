// Compresses what was built, once and as far as it goes: beside a file the server finds it as .br and
// .gz, and never has to compress anything itself.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** A plugin that leaves `file.br` and `file.gz` beside each built file that gets smaller by it. */
export function compress(): Plugin {
  let folder = "";
  return {
    name: "compress",
    apply: "build",
    configResolved: (config) => {
      folder = resolve(config.root, config.build.outDir);
    },
    writeBundle: () => {
      for (const file of filesIn(folder)) {
        const bytes = readFileSync(file);
        writeIfSmaller(`${file}.br`, brotli(bytes), bytes);
        writeIfSmaller(`${file}.gz`, gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }), bytes);
      }
    },
  };
}

function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && !/\.(br|gz)$/.test(path));
}

function brotli(bytes: Buffer): Buffer {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
}

function writeIfSmaller(path: string, compressed: Buffer, bytes: Buffer): void {
  if (compressed.length < bytes.length) {
    writeFileSync(path, compressed);
  }
}
