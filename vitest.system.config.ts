import { defineConfig } from 'vitest/config';

// What needs more than Node and npm: root, redis-server, etcd, tmpfs. `npm run test:system` installs it and runs these.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node', 'import', 'default'] } },
  test: {
    include: ['packages/*/system/**/*.system.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Each file starts real processes; one after the other they measure and fail for their own reasons only.
    fileParallelism: false,
  },
});
