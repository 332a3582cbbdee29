import type { Setting } from './trial.ts'

/** What is made scarce, and how much more of it is asked for. */
export const settings: readonly [Setting, ...Setting[]] = [
  {
    name: 'journal',
    what: '10 times what a slowed journal can take (100 decisions in a batch, 200 ms each way to the broker)',
    students: 10_000,
    connections: 2000,
    environment: { ENROLLMENT_BATCH_RECORDS_MAX: '100' },
    journalDelayMs: 200,
    senders: 250,
    times: 10,
  },
  {
    name: 'cpu',
    what: '2 times what one core can decide (500 decisions in a batch)',
    students: 10_000,
    connections: 4000,
    environment: { ENROLLMENT_BATCH_RECORDS_MAX: '500' },
    journalDelayMs: 0,
    senders: 256,
    times: 2,
  },
]
