import { defineConfig } from 'vitest/config';

// Unit tests run on the sources; the processes that multi-process tests start run the built files.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node', 'import', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'examples/*/src/**/*.test.ts', 'scripts/*.test.mjs'],
    // `npm run soak` runs the rules about millions of operations whole.
    testTimeout: process.env['EDIS_SOAK'] === '1' ? 600_000 : 60_000,
    hookTimeout: 60_000,
  },
});
