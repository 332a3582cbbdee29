import type { Campus } from '../../actors/campus.ts'
import { auditAnswers, type DecisionIndex } from './audit-answers.ts'
import { auditDecisions } from './audit-decisions.ts'
import { ReadingAudit } from './audit-readings.ts'
import { Books } from './books.ts'
import type { Evidence } from './evidence.ts'
import { memoryLines, tablesLines } from './state-text.ts'
import type { Tables } from './tables.ts'

const failuresMax = 10

/**
 * Judges a run by what the world saw of it: what clients sent and were answered, what the tables hold, what the
 * leading engine believes. Keeps its own books by its own reading of the rules.
 * @returns every promise that was broken; nothing, if none was
 */
export function auditRun(evidence: Evidence): string[] {
  const { blueprint, history, tables, memory } = evidence
  const books = new Books(blueprint)
  const index: DecisionIndex = new Map(
    tables.decisions.map((stored, position) => [
      stored.record.request ?? '',
      { stored, number: position + 1 },
    ]),
  )
  const readings = new ReadingAudit(history, index, books)
  const failures = [
    ...auditAnswers(evidence, index),
    ...auditDecisions(evidence, books, readings),
    ...auditEnd(books, tables),
    ...(evidence.lost.size === 0 ? readings.finish() : []),
    ...(evidence.isOpenEnd ? [] : auditMemory(books, memory)),
  ]
  return failures.length <= failuresMax
    ? failures
    : [...failures.slice(0, failuresMax), `and ${failures.length - failuresMax} more`]
}

function auditEnd(books: Books, tables: Tables): string[] {
  // Who is added later is in the auditor's books from the beginning.
  const isIn = (id: number) => tables.students.has(id)
  return differences('the tables', tablesLines(tables), books.lines(isIn))
}

/** An engine knows of latecomers once it has seen them. */
function auditMemory(books: Books, memory: Campus | undefined): string[] {
  if (memory === undefined) return ['nobody leads in the end']
  const isKnown = (id: number) => memory.students.has(id)
  return differences('memory', memoryLines(memory), books.lines(isKnown))
}

function differences(what: string, found: readonly string[], expected: readonly string[]): string[] {
  const missing = expected.filter((line) => !found.includes(line))
  const surplus = found.filter((line) => !expected.includes(line))
  if (missing.length === 0 && surplus.length === 0) return []
  return [`${what} differ from the decisions replayed: found ${surplus[0]}, expected ${missing[0]}`]
}
