import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The checkout. */
export const root = join(import.meta.dirname, '../..')

/** A file of the checkout as text. */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
