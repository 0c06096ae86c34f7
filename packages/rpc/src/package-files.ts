import { fileURLToPath } from 'node:url';

/**
 * What `npm run generate` puts beside the sources. The same path from src/ and from dist/: both lie in the package's
 * root.
 */
export const packageFiles = {
  /** The copy of the top-level proto/ folder. */
  protoDirectory: fileURLToPath(new URL('../generated/proto', import.meta.url)),
  /** A FileDescriptorSet with all files of it. */
  descriptorSet: fileURLToPath(new URL('../generated/descriptors.binpb', import.meta.url)),
} as const;
