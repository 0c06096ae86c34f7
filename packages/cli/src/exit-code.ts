/**
 * How a command ends that did what it was asked; of errors, the table of @edis/process decides, and a test compares the
 * two. They stand here because loading that package (its logger, its settings) takes longer than a read takes.
 */
export const exitCodes = { done: 0, negative: 1, unreachable: 3 } as const;
