import assert from 'node:assert/strict'
import { add, asks, drop, move, staff } from '../../../actors/testing/commands.ts'
import { group, student } from '../../../actors/testing/sketches.ts'
import { formatVerification } from '../format-verification.ts'
import { exitStatusOf, verify } from '../verify.ts'
import { Ledger } from './ledger.ts'

/** 101/1 has one seat, of student 1, and a queue of 5 and 6; 101/2 and 102/1 have room. */
export function registrationDay(): Ledger {
  return new Ledger(
    group('101/1', { capacity: 1, registered: [1], queue: [5, 6] }),
    group('101/2'),
    group('102/1'),
    student(2),
    student(3),
  ).decide(
    asks(2, add('102/1')),
    asks(2, move('102/1')),
    asks(3, add('101/1')),
    asks(1, drop(101)),
    staff.setsCapacity('101/2', 12),
  )
}

/** The lines of all differences, having checked that the summary and the exit status go with them. */
export async function differencesOf(ledger: Ledger): Promise<string[]> {
  const verification = await verify(ledger)
  const lines = formatVerification(verification)
  const summary = lines.pop()
  if (lines.length === 0) assert.match(summary ?? '', /^agreed: /)
  else assert.match(summary ?? '', new RegExp(`^${lines.length} differences?: `))
  assert.equal(exitStatusOf(verification), lines.length === 0 ? 0 : 1)
  return lines
}
