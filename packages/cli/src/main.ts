import { runCli } from './cli.ts';
import { reportError } from './error-report.ts';
import { processWorld } from './world.ts';

const world = processWorld();
// What nobody caught is a bug of ours: one line and its exit code, as for every other error.
let reported = false;
const onUncaught = (caught: unknown) => {
  if (reported) return;
  reported = true;
  const report = reportError(caught, world.output, {
    json: process.argv.includes('--json'),
    debug: (process.env['EDIS_DEBUG'] ?? '') !== '',
  });
  report.then(
    (exitCode) => process.exit(exitCode),
    () => process.exit(70),
  );
};
process.on('uncaughtException', onUncaught);
process.on('unhandledRejection', onUncaught);

const exitCode = await runCli(process.argv.slice(2), world);
await world.output.flush();
process.exit(exitCode);
