import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { fakeApi } from "./dev/fake/plugin";

// KONTOR_URL points the dev server at a running suite; without it, requests are answered from made-up data.
const target = process.env["KONTOR_URL"];

export default defineConfig(({ command }) => ({
  plugins: [react(), ...(command === "serve" && !target && !process.env["VITEST"] ? [fakeApi()] : [])],
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // What the first screen needs is one file, and what several areas share is another: cut finer, its files import each other in a circle, and a request costs more than
        // some bytes that are needed a click later. The browser keeps them apart from the areas, which change more often.
        codeSplitting: {
          groups: [
            { name: "first", tags: ["$initial"], priority: 2 },
            {
              name: "shared",
              minShareCount: 2,
              priority: 1,
            },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    ...(target ? { proxy: { "/v1": { target, changeOrigin: true } } } : {}),
  },
  preview: {
    port: 4173,
    ...(target ? { proxy: { "/v1": { target, changeOrigin: true } } } : {}),
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    restoreMocks: true,
  },
}));
