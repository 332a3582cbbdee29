import { test } from 'node:test'
import type { Tables } from '../history.ts'
import { assertFaults, withAfter, group } from './testing/doctored.ts'
import { honestHistory } from './testing/honest-history.ts'

test('a read that shows what was over before it began is found', () => {
  const evidence = honestHistory()
  const stale = {
    what: 'roster',
    ...group,
    registered: [1, 2],
    waiting: [3, 4],
    sentMs: 56,
    receivedMs: 58,
  } as const
  assertFaults({ ...evidence, reads: [stale] }, 'reads')
})

test('a read that shows what nobody had asked for yet is found', () => {
  const evidence = honestHistory()
  const early = { what: 'student', student: 5, places: [{ course: 1, group: 2, position: 0 }] } as const
  assertFaults({ ...evidence, reads: [{ ...early, sentMs: 76, receivedMs: 79 }] }, 'reads')
  assertFaults({ ...evidence, reads: [{ ...early, sentMs: 76, receivedMs: 81 }] })
})

test('tables that lost a seat, a capacity, an action or the order of a queue are found', () => {
  const { after } = honestHistory()
  const variants: Partial<Tables>[] = [
    { places: after.places.filter(({ student }) => student !== 2) },
    { groups: after.groups.map((one) => ({ ...one, capacity: 9 })) },
    { students: after.students.map(({ id }) => ({ id, remaining: 5 })) },
    { places: after.places.map((place) => (place.order === undefined ? place : { ...place, order: 1 })) },
    { places: [...after.places, ...after.places.slice(0, 1)] },
  ]
  for (const changed of variants) {
    assertFaults({ ...withAfter(honestHistory(), changed), lastReads: [], lastGroups: [] }, 'tables')
  }
})

test('a service that shows something else than its tables is found', () => {
  const evidence = honestHistory()
  const waiting = {
    what: 'roster',
    ...group,
    registered: [2, 3, 6],
    waiting: [],
    sentMs: 0,
    receivedMs: 1,
  } as const
  assertFaults({ ...evidence, lastReads: [waiting] }, 'lastReads')
  const holding = {
    what: 'student',
    student: 4,
    places: [{ ...group, position: 2 }],
    sentMs: 0,
    receivedMs: 1,
  } as const
  assertFaults({ ...evidence, lastReads: [holding] }, 'lastReads')
  assertFaults(
    { ...evidence, lastGroups: [{ ...group, capacity: 3, registered: 2, waiting: 1 }] },
    'lastReads',
  )
})
