import type { CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { verifyOptionsOf, verifyOptionTable } from '../verify/verify-options.ts';
import { reportJson, showReport, type Verdict, verdictOf } from '../verify/verify-report.ts';
import { VerifyRun } from '../verify/verify-run.ts';

export const verify: CommandDefinition = {
  name: 'verify',
  arguments: [],
  options: verifyOptionTable,
  examples: [
    ['verify', 'ten seconds of reads and writes in a keyspace of its own, then a verdict'],
    ['verify --duration 5m --pause', 'the same while nodes of this machine are paused now and then'],
    ['verify --kill --yes', 'and while one primary is killed'],
  ],
  async run({ options }, context) {
    const { output, settings } = context;
    const chosen = await verifyOptionsOf(options);
    return withCluster(context, async (client) => {
      const run = new VerifyRun(client, chosen, context);
      const report = await run.run();
      if (settings.json) await output.json(reportJson(report));
      else await output.line(showReport(report));
      const verdict = verdictOf(report);
      return verdict === 'held' && run.leavesKeyspace ? exitCodes.unreachable : exitCodeOf(verdict);
    });
  },
};

function exitCodeOf(verdict: Verdict): number {
  switch (verdict) {
    case 'held':
      return exitCodes.done;
    case 'violated':
      return exitCodes.negative;
    case 'incomplete':
      return exitCodes.unreachable;
  }
}
