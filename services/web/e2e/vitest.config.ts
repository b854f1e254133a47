import { defineConfig } from "vitest/config";

// Journeys drive a running suite with a real browser: KONTOR_URL, KONTOR_EMAIL, KONTOR_PASSWORD say which and as whom.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.journey.ts"],
    fileParallelism: false,
    sequence: { concurrent: false },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
