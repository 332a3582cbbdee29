import type { Campus } from '../../actors/campus.ts'
import type { History } from './history.ts'
import { memoryLines, tablesLines } from './state-text.ts'
import type { Blueprint, Tables } from './tables.ts'

export interface Evidence {
  readonly blueprint: Blueprint
  readonly history: History
  readonly tables: Tables
  readonly memory: Campus | undefined
}

export function auditRun({ tables, memory }: Evidence): string[] {
  if (memory === undefined) return ['nobody leads']
  const a = memoryLines(memory).join('\n')
  const b = tablesLines(tables).join('\n')
  return a === b ? [] : ['memory differs from tables']
}
