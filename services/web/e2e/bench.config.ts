import { defineConfig } from "vitest/config";

// Measures the client against the suite that KONTOR_URL, KONTOR_EMAIL and KONTOR_PASSWORD name, and prints the figures.
export default defineConfig({
  test: { root: import.meta.dirname, include: ["*.speed.ts"], disableConsoleIntercept: true },
});
