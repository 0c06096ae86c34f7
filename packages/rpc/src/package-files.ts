import { fileURLToPath } from 'node:url';

/**
 * What lies beside the sources, most of it put there by `npm run generate`. The same path from src/ and from dist/,
 * which both lie in the package's root.
 */
export const packageFiles = {
  /** The copy of the top-level proto/ folder. */
  protoDirectory: fileURLToPath(new URL('../generated/proto', import.meta.url)),
  /** What we use of etcd's own contract; beside the sources too, but not generated. */
  etcdDirectory: fileURLToPath(new URL('../etcd', import.meta.url)),
  /** A FileDescriptorSet with all files of it. */
  descriptorSet: fileURLToPath(new URL('../generated/descriptors.binpb', import.meta.url)),
} as const;
