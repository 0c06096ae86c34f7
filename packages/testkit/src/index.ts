export type { FaultClusterOptions } from './fault-cluster.ts';
export { FaultCluster } from './fault-cluster.ts';
export type { Impairment } from './fault-flow.ts';
export { FaultLinks } from './fault-links.ts';
export type { FaultStage } from './fault-play.ts';
export { FaultPlay, realFaultKinds } from './fault-play.ts';
export type { Direction, LinkEnd } from './fault-proxy.ts';
export { FaultProxy } from './fault-proxy.ts';
export type { Ended, ProgramOptions } from './program.ts';
export { Program, Programs } from './program.ts';
export type { ScenarioResult } from './simulation/cluster-scenario.ts';
export { planOf, runScenario } from './simulation/cluster-scenario.ts';
export type { Fault, FaultKind } from './simulation/fault.ts';
export { describeFault } from './simulation/fault.ts';
export type { FaultPlan, FaultPlanOptions } from './simulation/fault-plan.ts';
export { describePlan, planFaults } from './simulation/fault-plan.ts';
export type { ScenarioAct } from './simulation/fault-runner.ts';
export { FaultRunner } from './simulation/fault-runner.ts';
export type { Incarnation } from './simulation/incarnation.ts';
export type { Breach } from './simulation/log-observer.ts';
export { LogObserver } from './simulation/log-observer.ts';
export { SeededRandom } from './simulation/seeded-random.ts';
export type { ShrinkOptions } from './simulation/shrink.ts';
export { shrink } from './simulation/shrink.ts';
export type { DiskTemper, SimulatedDisk } from './simulation/simulated-disk.ts';
export type { LinkTemper } from './simulation/simulated-link.ts';
export type { SimulatedNetwork } from './simulation/simulated-network.ts';
export type {
  ProcessState,
  Program as SimulatedProgram,
  RunningProgram,
  SimulatedProcess,
} from './simulation/simulated-process.ts';
export type { SimulatedTime } from './simulation/simulated-time.ts';
export type { UncaughtError, WorldOptions } from './simulation/simulated-world.ts';
export { SimulatedWorld } from './simulation/simulated-world.ts';
export type { Trace } from './simulation/trace.ts';
export { TestCluster } from './test-cluster.ts';
export { waitFor } from './wait-for.ts';
