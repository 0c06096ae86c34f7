import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const resolution = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node', 'import', 'default'] } },
};
/** Files that start processes. */
const processTests = [
  'packages/{bench,e2e,testing}/src/**/*.test.ts',
  'packages/testkit/src/*.test.ts',
  'examples/*/src/**/*.test.ts',
];
/** Files that count what their own process does. */
const simulationTests = ['packages/testkit/src/*/**/*.test.ts'];

// Unit tests run on the sources; the processes that multi-process tests start run the built files.
export default defineConfig({
  ...resolution,
  test: {
    // Processes under test wait as well as work, so that two files at a time pay off on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: ['packages/*/src/**/*.test.ts', 'scripts/*.test.mjs'],
          exclude: [...processTests, ...simulationTests],
          // No module has state of its own; to load all of them anew for each file takes longer than the tests.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'processes', include: processTests, isolate: false } },
      { extends: true, test: { name: 'simulation', include: simulationTests } },
    ],
    // `npm run soak` runs the rules about millions of operations whole.
    testTimeout: process.env['EDIS_SOAK'] === '1' ? 600_000 : 60_000,
    hookTimeout: 60_000,
  },
});
