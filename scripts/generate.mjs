// Makes what the build derives from proto/: descriptors, TypeScript types, and the copy of the contract that a
// deployed @edis/rpc loads. All of it lands in folders that git ignores. Does nothing when the outputs are newer than
// the inputs.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const rpc = join(root, 'packages', 'rpc');
const proto = join(root, 'proto');
/** What we use of etcd's contract: no part of ours, hence not in proto/, and no business of reflection. */
const etcd = join(rpc, 'etcd');
const types = join(rpc, 'src', 'generated');
const output = join(rpc, 'generated');
const stamp = join(output, 'stamp');

/** What reflection describes: our contract, and the two services that gRPC's own tools speak. */
const descriptorSources = [
  ['proto'],
  ['packages/rpc/node_modules/grpc-health-check/proto'],
  // The package's folder also has samples, which are nobody's business.
  ['packages/rpc/node_modules/@grpc/reflection/build/proto', 'grpc'],
];

/** Files with a service; the types of what they import come along. */
const services = [
  'edis/v1/info.proto',
  'edis/v1/shard.proto',
  'edis/v1/replication.proto',
  'edis/v1/query.proto',
  'edis/v1/feed.proto',
];

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function newestMs(paths) {
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}

function isCurrent() {
  const outputs = [stamp, join(output, 'descriptors.binpb'), join(output, 'proto'), join(types, 'shard.ts')];
  if (!outputs.every((path) => existsSync(path))) return false;
  const inputs = [...filesBelow(proto), ...filesBelow(etcd), fileURLToPath(import.meta.url), join(rpc, 'package.json')];
  return statSync(stamp).mtimeMs > newestMs(inputs);
}

/** Node runs the tool itself, so that neither a shell nor the executable bit of a bin link is needed. */
function runNodeTool(script, args) {
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A FileDescriptorSet of all files of a folder. Concatenated sets are a set: protobuf merges repeated fields. */
function descriptorSet([folder, filter]) {
  const file = join(output, 'part.binpb');
  runNodeTool(join(root, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf'), [
    'build',
    folder,
    ...(filter === undefined ? [] : ['--path', join(folder, filter)]),
    '--as-file-descriptor-set',
    '-o',
    file,
  ]);
  const bytes = readFileSync(file);
  rmSync(file);
  return bytes;
}

function generateTypes(folder, files) {
  const loader = join(rpc, 'node_modules', '@grpc', 'proto-loader', 'build', 'bin', 'proto-loader-gen-types.js');
  runNodeTool(loader, [
    '--importFileExtension=.ts',
    '--grpcLib=@grpc/grpc-js',
    '--longs=Number',
    '--enums=String',
    '--oneofs',
    '--defaults',
    '--inputTemplate=%sInput',
    '--outputTemplate=%s',
    `--includeDirs=${folder}`,
    `--outDir=${types}`,
    ...files,
  ]);
}

function generate() {
  const startedAt = new Date();
  rmSync(types, { recursive: true, force: true });
  rmSync(output, { recursive: true, force: true });
  mkdirSync(types, { recursive: true });
  mkdirSync(output, { recursive: true });
  cpSync(proto, join(output, 'proto'), { recursive: true });
  writeFileSync(join(output, 'descriptors.binpb'), Buffer.concat(descriptorSources.map(descriptorSet)));
  generateTypes(proto, services);
  generateTypes(etcd, ['etcd.proto']);
  // The stamp carries the time at which the inputs were read: an edit during the run makes the next run do it again.
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt);
}

if (!isCurrent()) generate();
