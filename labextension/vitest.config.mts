import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'jsdom',
    // Files share what they import: Jupyter's packages take seconds to load.
    isolate: false,
    setupFiles: ['./vitest.setup.ts'],
    // Machines may be busy.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    include: ['src/**/__tests__/**/*.spec.{ts,tsx}'],
    // Jupyter's packages are made for bundlers: plain Node does not resolve what they import.
    server: { deps: { inline: [/@jupyterlab\//, /@jupyter\//, /@lumino\//, /@rjsf\//] } }
  }
});
