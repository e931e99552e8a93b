/// <reference types="vitest/config" />
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

/** The server a development build talks to; the built app talks to the one it came from. */
const server = process.env.KIZASHI_SERVER ?? "http://127.0.0.1:8750";

/** Writes `FILE.gz` beside each file that it makes smaller. */
function precompress(): Plugin {
  let folder = "";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      folder = path.resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const file = path.join(entry.parentPath, entry.name);
        const bytes = await readFile(file);
        const compressed = gzipSync(bytes, { level: 9 });
        if (compressed.length < bytes.length) await writeFile(`${file}.gz`, compressed);
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), precompress()],
  // The content security policy allows no data: URLs.
  build: { target: "es2023", assetsInlineLimit: 0, emptyOutDir: true, modulePreload: { polyfill: false } },
  server: { proxy: { "^/kizashi\\.v1\\.": { target: server } } },
  test: { include: ["src/**/*.test.ts"] },
});
